"""Decides how a product is divided: as was measured on this GPU, else by rule; never by trying."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from qdsl_gpu.measured import Table
from qdsl_gpu.task import Task
from qdsl_gpu.tiles import Tiles

if TYPE_CHECKING:
    import torch


@dataclass(slots=True)
class Trial:
    """What kernels are told while a tuner tries them, and for what they asked: tokens by task."""

    tiles: Mapping[Task, Tiles]
    asked: dict[Task, int] = field(default_factory=dict)


_trials: list[Trial] = []


@contextmanager
def trial(tiles: Mapping[Task, Tiles]) -> Iterator[Trial]:
    """Until it ends, these tasks are divided so, by all threads."""
    begun = Trial(tiles)
    _trials.append(begun)
    try:
        yield begun
    finally:
        _trials.remove(begun)


def tiles_of(task: Task, tokens: int, device: "torch.device") -> Tiles:
    """The tiles for a call, from tables that were read before."""
    if not _trials:
        return _chosen(task, tokens, device.index or 0 if device.type == "cuda" else -1)
    now = _trials[-1]
    now.asked[task] = tokens
    return now.tiles.get(task) or task.usual(tokens)


@lru_cache(4096)
def _chosen(task: Task, tokens: int, device: int) -> Tiles:
    found = table(gpu_name(device)).find(task, tokens) if device >= 0 else None
    return found or task.usual(tokens)


@cache
def gpu_name(device: int) -> str:
    """As its maker calls it: `NVIDIA H200`."""
    import torch

    return torch.cuda.get_device_name(device)


@cache
def table(gpu: str) -> Table:
    """What was measured on such a GPU with this Triton."""
    from qdsl_gpu.measured_files import read_all, triton_version

    return Table(read_all(gpu, triton_version()))


def forget() -> None:
    """Tables are read again: called when one was written."""
    table.cache_clear()
    _chosen.cache_clear()
