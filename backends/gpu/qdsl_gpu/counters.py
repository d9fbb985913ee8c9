"""Keeps the counters by which programs find out who is the last of a tile: `qdsl_gpu.last`.

They have to be 0 before a launch, which leaves them at 0, and no two launches that run at once may
share them. Clearing them for each launch would be one more. So:

- Calls on a stream share that stream's counters: it runs one after the other.
- A call that is captured in a CUDA graph gets counters that nothing else ever gets, because the
  graph may be replayed on any stream, beside anything but itself. They are cut from a store that
  was cleared before. Where there is none (nothing ran before), or it is used up, the graph clears
  counters of its own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from qdsl_gpu import streams

_FEWEST = 4096  # of a stream
_STORE = 1 << 18  # of the graphs of a device: 1 MiB


@dataclass(slots=True)
class _Store:
    counters: Tensor
    used: int = 0


_lock = Lock()
_of_stream: dict[tuple[torch.device, int], Tensor] = {}
_stores: dict[torch.device, _Store] = {}


def counters(count: int, device: torch.device) -> Tensor:
    """At least `count` zeros i32 for a launch on the current stream, which leaves them at 0."""
    with _lock:
        if streams.is_captured(device):
            return _of_graph(count, device)
        key = device, streams.current(device)
        found = _of_stream.get(key)
        if found is None or found.numel() < count:
            found = _zeros(max(_FEWEST, 1 << (count - 1).bit_length()), device)
            _of_stream[key] = found
            if device not in _stores:
                _stores[device] = _Store(_zeros(_STORE, device))
                streams.settle(device)  # graphs on other streams find what was cleared on this
        return found


@contextmanager
def borrowed() -> Iterator[None]:
    """Gives back what graphs get that are captured within, and not replayed when it has ended.

    Else a tuner, which captures many, would use the store up.
    """
    with _lock:
        before = {device: store.used for device, store in _stores.items()}
    try:
        yield
    finally:
        with _lock:
            for device, store in _stores.items():
                store.used = before.get(device, 0)


def _of_graph(count: int, device: torch.device) -> Tensor:
    store = _stores.get(device)
    if store is None or store.used + count > store.counters.numel():
        return _zeros(count, device)
    begin = store.used
    store.used += -(-count // 4) * 4  # 16 bytes, as other launches have them
    return store.counters[begin : begin + count]


def _zeros(count: int, device: torch.device) -> Tensor:
    return torch.zeros(count, dtype=torch.int32, device=device)
