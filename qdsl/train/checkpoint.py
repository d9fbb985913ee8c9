"""Keeps the state of a training on disk, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from qdsl.replacing import replacing


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes the state; a reader, also one after a crash, finds the old one or the new.

    Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        torch.save(dict(state), file)


def load(path: Path) -> dict[str, Any]:
    """The state that was saved; only tensors and plain values are read, nothing is executed.

    Raises OSError, or pickle's UnpicklingError for a file that holds more than that.
    """
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state
