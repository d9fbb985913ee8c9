"""Keeps the state of a run on disk, whole or not at all.

A checkpoint is a folder. One process, or replicas that are equal, write `state.safetensors` there;
processes that each hold a shard of the weights write a folder `shards-N` after N steps.
"""

import shutil
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.replacing import replacing
from qdsl.train import shards
from qdsl.train.position import Position, from_json

Tensors = dict[str, Tensor]
KEY, DIGEST = "position", "sha256"


def save_state(folder: Path, position: Position, tensors: Mapping[str, Tensor]) -> None:
    """Writes the state; a reader, also one after a crash, finds the last one or this one.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "state.safetensors", tensors, {KEY: position.to_json()})
    for old in shards.folders(folder):
        shards.remove(old)


def find(folder: Path) -> Position | None:
    """Where the last checkpoint of the folder stands; raises QdslError (Q715) for a damaged one."""
    found = _newest(folder)
    return found[1] if found else None


def load_state(folder: Path) -> Tensors:
    """The tensors of the last checkpoint, whole, on the processor; raises QdslError (Q715)."""
    found = _newest(folder)
    if found is None:
        raise FileNotFoundError(folder)
    return read_tensors(found[0]) if found[0].is_file() else shards.load(found[0])


def discard(folder: Path) -> None:
    """Removes every checkpoint of the folder. Raises OSError."""
    if folder.exists():
        shutil.rmtree(folder)


def _newest(folder: Path) -> tuple[Path, Position] | None:
    file = folder / "state.safetensors"
    places = [*([file] if file.exists() else []), *shards.folders(folder)]
    found = [(place, _position(place)) for place in places]
    return max(found, key=lambda f: (f[1].stage, f[1].step), default=None)


def _position(place: Path) -> Position:
    try:
        text = read_metadata(place).get(KEY, "") if place.is_file() else shards.position_text(place)
        return from_json(text)
    except (ValueError, SafetensorError) as failure:
        raise _damaged(place, failure) from None


# ---- one file ----------------------------------------------------------------------------------


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Writes a safetensors file with its digest, whole or not at all. Raises OSError."""
    # tied and sliced tensors have to be written as their own
    whole = {key: value.detach().contiguous().cpu().clone() for key, value in tensors.items()}
    with replacing(path) as file:
        file.write(save(whole, {**metadata, DIGEST: _digest(whole, metadata)}))


def read_tensors(path: Path) -> Tensors:
    """The tensors of a safetensors file, on the processor; raises QdslError (Q715)."""
    try:
        with safe_open(path, framework="pt") as file:
            found = {key: file.get_tensor(key) for key in file.keys()}
            metadata = file.metadata() or {}
        if metadata.pop(DIGEST, None) != _digest(found, metadata):
            raise ValueError("its digest is another")
    except (ValueError, SafetensorError) as failure:
        raise _damaged(path, failure) from None
    return found


def _digest(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    """SHA-256 of all that the file says."""
    found = sha256(repr(sorted(metadata.items())).encode())
    for key, value in sorted(tensors.items()):
        found.update(repr((key, value.dtype, tuple(value.shape))).encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def read_metadata(path: Path) -> dict[str, str]:
    """Raises SafetensorError."""
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def _damaged(path: Path, failure: Exception) -> QdslError:
    message = f"`{path}` is damaged: {failure}"
    return QdslError([error("Q715", message, help="`--anew` trains from the start")])
