"""Keeps the state of a training on disk, whole or not at all."""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch


def save(path: Path, state: Mapping[str, Any]) -> None:
    """Writes the state beside `path`, flushes it to the disk and then takes the name in one step.

    A reader, also one after a crash, finds the old state or the new one. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            torch.save(dict(state), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(name)
        raise
    _flush_folder(path.parent)


def load(path: Path) -> dict[str, Any]:
    """The state that was saved; only tensors and plain values are read, nothing is executed.

    Raises OSError, or pickle's UnpicklingError for a file that holds more than that.
    """
    state: dict[str, Any] = torch.load(path, weights_only=True)
    return state


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
