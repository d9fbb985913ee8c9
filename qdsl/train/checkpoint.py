"""Keeps the state of a training on disk, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from qdsl.diagnostic.model import QdslError, error
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

    Raises OSError, and QdslError (Q715) for a file that holds no such state.
    """
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except OSError:
        raise
    except Exception as failure:  # what a damaged file makes torch raise has no common class
        message = f"`{path}` is damaged: {type(failure).__name__}"
        raise QdslError([error("Q715", message, help="delete it to train anew")]) from None
    return state
