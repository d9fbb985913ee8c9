"""Compares specs of git revisions, whose imports are those of the same revision."""

import shutil
import subprocess

import pytest

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here")


@pytest.fixture
def repository(folder, monkeypatch):
    """`first` has what the folder has; since then `parts` is narrower and lies elsewhere."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    names = {"NAME": "A", "EMAIL": "a@example.org"}
    for who in ("AUTHOR", "COMMITTER"):
        for key, value in names.items():
            monkeypatch.setenv(f"GIT_{who}_{key}", value)

    def git(*arguments):
        subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)

    (folder / "deep").mkdir()
    shutil.copy(folder / "net.qspec", folder / "deep" / "net.qspec")
    shutil.copy(folder / "parts.qspec", folder / "deep" / "parts.qspec")
    git("init", "--quiet")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    git("tag", "first")
    parts = folder / "parts.qspec"
    parts.write_text(parts.read_text().replace("2 * d", "d"))
    shutil.rmtree(folder / "deep")
    return folder


def test_imports_are_of_the_same_revision(qdsl, repository):
    found = qdsl("diff", "first:net.qspec#small", "net.qspec#small")
    assert found.status == 0
    assert "pairs[0..2].up.weight" in found.out
    assert "32×16 → 16×16" in found.out
    assert "parts.qspec:4" in found.out


def test_places_name_the_revision(qdsl, repository):
    found = qdsl("diff", "net.qspec#small", "first:net.qspec#small")
    assert "first:parts.qspec:4" in found.out


def test_size_and_why(qdsl, repository):
    assert qdsl("size", "first:net.qspec#small").out != qdsl("size", "net.qspec#small").out
    assert "first:net.qspec:" in qdsl("why", "first:net.qspec#small", "rnn.weight_ih").out


def test_a_folder_that_is_gone(qdsl, repository):
    found = qdsl("diff", "first:deep/net.qspec#small", "first:net.qspec#small")
    assert found.status == 0
    assert "no change" in found.out


@pytest.mark.parametrize(
    "text", ["none:net.qspec", "first:none.qspec", "--output=x:net.qspec", "first:gone/net.qspec"]
)
def test_what_is_not_there(qdsl, repository, text):
    found = qdsl("size", "--", f"{text}#small")
    assert found.status == 2
    assert found.out == ""
    assert f"error[Q001]: cannot read `{text}`" in found.err
    assert not (repository / "x").exists()


def test_not_a_repository(qdsl, folder, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(folder.parent))
    found = qdsl("size", "HEAD:net.qspec#small")
    assert found.status == 2
    assert "not a git repository" in found.err


def test_errors_of_a_revision(qdsl, repository):
    found = qdsl("size", "first:broken.qspec")
    assert found.status == 1
    assert "first:broken.qspec:4" in found.err
