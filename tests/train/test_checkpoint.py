"""Breaks off the writing of a checkpoint and looks at what is left."""

import os
from pathlib import Path

import pytest
import torch

from qdsl.diagnostic.model import QdslError
from qdsl.train import checkpoint
from qdsl.train.position import Position

FIRST, SECOND = Position("a", 0, 4, 4), Position("a", 1, 2, 9, quantized=True)


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "checkpoint"
    assert checkpoint.find(folder) is None
    tensors = {"w": torch.arange(3), "b": torch.tensor(True), "s": torch.tensor(0.5)}
    checkpoint.save_state(folder, SECOND, tensors)
    assert checkpoint.find(folder) == SECOND
    found = checkpoint.load_state(folder)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[key], value) for key, value in tensors.items())


def test_a_failed_write_leaves_the_last_state_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint.save_state(tmp_path, FIRST, {"w": torch.zeros(1)})

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save_state(tmp_path, SECOND, {"w": torch.ones(1)})
    assert checkpoint.find(tmp_path) == FIRST
    assert float(checkpoint.load_state(tmp_path)["w"]) == 0
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]


@pytest.mark.parametrize("damage", [b"", b"no state", b"\x02\0\0\0\0\0\0\0{}"])
def test_a_damaged_state_is_told(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "state.safetensors").write_bytes(damage)
    with pytest.raises(QdslError, match="Q715"):
        checkpoint.find(tmp_path)


def test_a_torn_state_is_told(tmp_path: Path) -> None:
    checkpoint.save_state(tmp_path, FIRST, {"w": torch.zeros(64)})
    path = tmp_path / "state.safetensors"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(QdslError, match="Q715"):
        checkpoint.load_state(tmp_path)


@pytest.mark.parametrize("place", [b'step\\": ', b"\0\0\0?"])  # the number of steps, a weight
def test_a_flipped_bit_is_told(tmp_path: Path, place: bytes) -> None:
    checkpoint.save_state(tmp_path, FIRST, {"w": torch.zeros(64), "s": torch.tensor(0.5)})
    path = tmp_path / "state.safetensors"
    content = bytearray(path.read_bytes())
    content[content.index(place) + len(place)] ^= 1
    path.write_bytes(content)
    with pytest.raises(QdslError, match="Q715"):
        checkpoint.load_state(tmp_path)


def test_the_later_of_two_states_counts(tmp_path: Path) -> None:
    """Where a crash came between the writing of one kind and the removal of the other."""
    checkpoint.save_state(tmp_path, SECOND, {"w": torch.zeros(1)})
    shards = tmp_path / "shards-4"
    shards.mkdir()
    (shards / "position.json").write_text(FIRST.to_json())
    (tmp_path / ".shards-11.part").mkdir()
    assert checkpoint.find(tmp_path) == SECOND
