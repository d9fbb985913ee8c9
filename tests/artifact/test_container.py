"""Packed files: whole or absent, the same bytes each time, and readable as safetensors."""

import mmap
import os
import re
import stat
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open

from qdsl.artifact.container import read, write
from qdsl.artifact.layout import layout
from qdsl.diagnostic.model import QdslError


@pytest.fixture
def tensors(small_model, tensors_of):
    return tensors_of(small_model, 0)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "small.qpack"


def test_what_is_written_is_read(small_model, tensors, path):
    written = write(path, small_model, tensors.__getitem__, choices={"a.w": "int4"})
    artifact = read(path)
    assert written == artifact.file_bytes == path.stat().st_size
    assert artifact.certificate is None
    assert artifact.choices == {"a.w": "int4"}
    assert set(artifact.keys()) == set(tensors)
    for key, value in tensors.items():
        found = artifact.tensor(key)
        assert np.array_equal(found, value)
        assert found.dtype == value.dtype
        assert not found.flags.writeable
    with pytest.raises(KeyError):
        artifact.tensor("nothing")


def mapped(path) -> int:
    """KiB of the file that are in memory of this process."""
    smaps = Path("/proc/self/smaps").read_text()
    areas = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", smaps, flags=re.MULTILINE)
    found = [a for a in areas if str(path) in a.partition("\n")[0]]
    return sum(int(re.search(r"Rss: +(\d+)", a)[1]) for a in found)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")
def test_pages_are_given_back_and_read_again(small_model, tensors, path):
    write(path, small_model, tensors.__getitem__)
    artifact = read(path)
    assert mapped(path) == 0
    views = {key: artifact.tensor(key) for key in artifact.keys()}
    for _ in range(2):
        for key, view in views.items():
            assert np.array_equal(view, tensors[key])
        before = mapped(path)
        artifact.release(artifact.keys())
        # Linux maps pages around one that is read: those of the header stay
        assert mapped(path) < before
        assert mapped(path) * 1024 < artifact.layout.header_bytes + mmap.PAGESIZE


def test_tensors_outlive_the_artifact(small_model, tensors, path):
    write(path, small_model, tensors.__getitem__)
    found = read(path).tensor("gain")
    path.unlink()
    assert np.array_equal(found, tensors["gain"])


def test_tensors_are_asked_for_once_in_the_order_of_the_file(small_model, tensors, path):
    asked = []

    def tensor(key):
        asked.append(key)
        return tensors[key].tobytes()

    write(path, small_model, tensor)
    assert asked == [p.entry.key for p in layout(small_model).tensors]


def test_the_same_model_and_weights_give_the_same_bytes(small_model, tensors, tmp_path):
    first, second = tmp_path / "a.qpack", tmp_path / "b.qpack"
    write(first, small_model, tensors.__getitem__)
    write(second, small_model, lambda key: np.asfortranarray(tensors[key]))
    assert first.read_bytes() == second.read_bytes()


def test_safetensors_opens_it(small_model, tensors, path):
    write(path, small_model, tensors.__getitem__)
    with safe_open(path, "np") as file:
        assert set(file.keys()) == set(tensors)
        assert np.array_equal(file.get_tensor("gain"), tensors["gain"])
        assert file.metadata()["head.l1.weight"] == "blocks.1.l1.weight"


def test_a_tensor_of_another_size_is_refused(small_model, tensors, path):
    with pytest.raises(ValueError, match="`gain` is given 44 bytes, not 48"):
        write(path, small_model, lambda k: tensors[k].ravel()[1:] if k == "gain" else tensors[k])


def test_a_failure_leaves_the_old_file_and_nothing_else(small_model, tensors, path):
    write(path, small_model, tensors.__getitem__)
    before = path.read_bytes()

    def interrupted(key):
        if key == "head.l0.weight.codes":
            raise KeyboardInterrupt
        return tensors[key]

    with pytest.raises(KeyboardInterrupt):
        write(path, small_model, interrupted)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_is_a_diagnostic(small_model, tensors, path, monkeypatch):
    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(QdslError, match=r"Q612\] .*: cannot be written: no space left on device"):
        write(path, small_model, tensors.__getitem__)
    assert list(path.parent.iterdir()) == []


def test_a_folder_that_is_not_there_is_a_diagnostic(small_model, tensors, tmp_path):
    with pytest.raises(QdslError, match=r"Q612\] .*: cannot be written: no such file or directory"):
        write(tmp_path / "none" / "a.qpack", small_model, tensors.__getitem__)
    (tmp_path / "file").write_text("")
    with pytest.raises(QdslError, match=r"Q612\] .*: cannot be written: not a directory"):
        write(tmp_path / "file" / "a.qpack", small_model, tensors.__getitem__)


def test_the_file_has_the_mode_of_any_new_file(small_model, tensors, path):
    write(path, small_model, tensors.__getitem__)
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask
