"""Looks for recordings where there are none, others than the pinned, and the right ones."""

import io
import tarfile
import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from qdsl.tasks.asr import download, recordings
from qdsl.tasks.asr.recordings import RecordingsMissing, find_recordings


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A data set of two speakers and two takes, whose checksum is the pinned one."""
    monkeypatch.setattr(recordings, "SPEAKERS", ("ada", "bob"))
    monkeypatch.setattr(recordings, "TAKES", 2)
    folder = tmp_path / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for speaker in ("ada", "bob"):
        for digit in range(10):
            for take in range(2):
                samples = 0.1 * rng.standard_normal(400)
                soundfile.write(folder / f"{digit}_{speaker}_{take}.wav", samples, 8000)
    monkeypatch.setattr(recordings, "CHECKSUM", recordings.checksum(folder))
    return folder.parent


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No recordings anywhere but where a test puts them."""
    monkeypatch.delenv("QDSL_DATA", raising=False)
    monkeypatch.setattr(recordings, "PROJECT", tmp_path / "away" / "project")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def refuse(target: Path) -> None:
    raise urllib.error.URLError("no route to host")


def test_the_folder_or_its_parent_may_be_named(small: Path) -> None:
    found = find_recordings(small)
    assert found.folder == small / "recordings"
    assert find_recordings(small / "recordings").folder == found.folder
    assert {s: len(c) for s, c in found.clips.items()} == {"ada": 20, "bob": 20}
    assert [clip.digit for clip in found.clips["bob"]][:3] == [0, 0, 1]


def test_levels_are_brought_to_one(small: Path) -> None:
    clip = find_recordings(small).clips["ada"][3]
    assert clip.samples.dtype == np.float32
    assert np.sqrt(np.mean(clip.samples**2)) == pytest.approx(1.0, rel=1e-5)


def test_the_environment_names_a_folder(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QDSL_DATA", str(small))
    assert find_recordings().folder == small / "recordings"


def test_a_folder_beside_the_project_is_found(
    small: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    beside = tmp_path / "shared" / "data" / "fsdd"
    beside.parent.mkdir(parents=True)
    small.rename(beside)
    monkeypatch.setattr(recordings, "PROJECT", tmp_path / "project")
    assert find_recordings(fetch=refuse).folder == beside / "recordings"


def test_a_named_folder_is_never_passed_over(small: Path, tmp_path: Path) -> None:
    with pytest.raises(RecordingsMissing, match="there is no folder"):
        find_recordings(tmp_path / "typo", fetch=lambda target: None)


def test_a_missing_file_is_named(small: Path) -> None:
    (small / "recordings" / "7_bob_1.wav").unlink()
    with pytest.raises(
        RecordingsMissing, match=r"recordings` has no recording `7_bob_1\.wav`"
    ) as caught:
        find_recordings(small)
    assert "--data" in str(caught.value.diagnostics[0].help)


def test_other_recordings_are_refused(small: Path) -> None:
    path = small / "recordings" / "3_ada_0.wav"
    path.write_bytes(path.read_bytes()[:-2] + b"\1\1")
    with pytest.raises(RecordingsMissing, match="not those of commit 26eb9aa"):
        find_recordings(small)


def test_surplus_files_do_not_matter(small: Path) -> None:
    (small / "recordings" / "0_eve_0.wav").write_bytes(b"other speaker")
    assert set(find_recordings(small).clips) == {"ada", "bob"}


def test_without_recordings_and_network_it_says_what_to_do() -> None:
    with pytest.raises(RecordingsMissing, match=r"could not be downloaded.*no route") as caught:
        find_recordings(fetch=refuse)
    assert "git clone https://github.com/Jakobovski" in str(caught.value.diagnostics[0].help)
    assert not download.cache_folder().exists()


@pytest.fixture
def archive(small: Path, tmp_path: Path) -> Callable[[bytes], str]:
    """URL of an archive like the public one, with a further member under the name given."""

    def make(surplus: bytes) -> str:
        path = tmp_path / "archive.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for file in sorted((small / "recordings").iterdir()):
                tar.add(file, f"fsdd-26eb9aa/recordings/{file.name}")
            member = tarfile.TarInfo("../../recordings/../evil.wav")
            member.size = len(surplus)
            tar.addfile(member, io.BytesIO(surplus))
        return path.as_uri()

    return make


def test_a_download_is_kept_and_checked(archive: Callable[[bytes], str], tmp_path: Path) -> None:
    url = archive(b"surplus")
    found = find_recordings(fetch=lambda target: download.download(target, url=url))
    assert found.folder == download.cache_folder() / "recordings"
    assert find_recordings(fetch=refuse).folder == found.folder
    assert not list(tmp_path.rglob("evil.wav"))


def test_a_download_that_is_no_archive_leaves_nothing(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text("<html>not found</html>")
    with pytest.raises(RecordingsMissing, match="could not be downloaded"):
        find_recordings(fetch=lambda target: download.download(target, url=page.as_uri()))
    assert not download.cache_folder().exists()
    assert not list(download.cache_folder().parent.iterdir())
