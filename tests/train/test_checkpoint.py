"""Breaks off the writing of a checkpoint and looks at what is left."""

import os
from pathlib import Path

import pytest
import torch

from qdsl.diagnostic.model import QdslError
from qdsl.train import checkpoint


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.pt"
    checkpoint.save(path, {"losses": [1.0, 0.5], "w": torch.arange(3)})
    state = checkpoint.load(path)
    assert state["losses"] == [1.0, 0.5]
    assert torch.equal(state["w"], torch.arange(3))


def test_a_failed_write_leaves_the_old_state_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.pt"
    checkpoint.save(path, {"step": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"step": 2})
    assert checkpoint.load(path) == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("false",)


def test_code_in_a_checkpoint_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Payload()}, tmp_path / "state.pt")
    with pytest.raises(QdslError, match="Q715"):
        checkpoint.load(tmp_path / "state.pt")
