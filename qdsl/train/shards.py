"""Keeps sharded states: each process writes its part (torch.distributed.checkpoint).

That is imported where states are sharded: it takes a second.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, distributed

from qdsl.diagnostic.model import QdslError, error
from qdsl.replacing import replacing, sync_folder
from qdsl.train.position import Position

POSITION = "position.json"


def save(folder: Path, position: Position, tensors: Mapping[str, Tensor]) -> None:
    """Writes the folder `shards-N`, called by all processes; then removes what stood there before.

    A reader, also one after a crash, finds the last state or this one. Raises OSError.
    """
    from torch.distributed.checkpoint.filesystem import FileSystemWriter
    from torch.distributed.checkpoint.state_dict_saver import save as save_shards

    begun = folder / f".shards-{position.steps}.part"
    first = distributed.get_rank() == 0
    if first:
        shutil.rmtree(begun, ignore_errors=True)
        begun.mkdir(parents=True)
    distributed.barrier()
    save_shards(dict(tensors), storage_writer=FileSystemWriter(begun))
    if first:
        _publish(begun, folder, position)
    distributed.barrier()


def _publish(begun: Path, folder: Path, position: Position) -> None:
    """Gives the state its name, on disk, and only then removes the others."""
    with replacing(begun / POSITION) as file:  # which syncs it, and the names beside it
        file.write(position.to_json().encode())
    before = folders(folder)
    done = folder / f"shards-{position.steps}"
    while done in before:  # of the same steps, left by a crash
        done = done.with_name(f"{done.name}-again")
    begun.rename(done)
    sync_folder(folder)
    for old in before:
        remove(old)
    (folder / "state.safetensors").unlink(missing_ok=True)


def remove(place: Path) -> None:
    """Removes a sharded state such that a crash leaves it whole or not to be found."""
    gone = place.with_name(f".{place.name}.part")
    shutil.rmtree(gone, ignore_errors=True)
    place.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


def load(place: Path) -> dict[str, Tensor]:
    """All tensors, whole, on the processor, in any number of processes; QdslError (Q715)."""
    from torch.distributed.checkpoint.filesystem import FileSystemReader
    from torch.distributed.checkpoint.metadata import TensorStorageMetadata
    from torch.distributed.checkpoint.state_dict_loader import load as load_shards

    try:
        reader = FileSystemReader(place)
        known = reader.read_metadata().state_dict_metadata
        tensors = {
            key: torch.empty(found.size, dtype=found.properties.dtype)
            for key, found in known.items()
            if isinstance(found, TensorStorageMetadata)
        }
        with catch_warnings():
            simplefilter("ignore", UserWarning)  # that nothing is distributed: it is whole
            load_shards(tensors, storage_reader=reader, no_dist=True)
    except Exception as failure:  # what a damaged folder makes torch raise has no common class
        message = f"`{place}` is damaged: {type(failure).__name__}"
        help = "`--anew` trains from the start"
        raise QdslError([error("Q715", message, help=help)]) from None
    return tensors


def position_text(place: Path) -> str:
    """Raises ValueError where it is missing."""
    try:
        text = (place / POSITION).read_text(encoding="utf-8")
        json.loads(text)
        return text
    except OSError as failure:
        raise ValueError(str(failure)) from None


def folders(folder: Path) -> tuple[Path, ...]:
    """Sharded states that are whole."""
    return tuple(sorted(folder.glob("shards-*")))
