"""Measures the bandwidth of memory by a copy: what shares of it are of."""

from collections.abc import Callable, Iterator

import torch

from peers.gpu import device
from peers.problem import Call, Contender, Problem, Product


def start(threads: int) -> dict[str, str]:
    return device.start()


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    """`copy` takes the seconds of a byte, read or written."""
    if not isinstance(problem, Product):
        return
    elements = 1 << (16 if device.DRY else 29)

    def prepare() -> Callable[[int], Call]:
        source = torch.ones(elements, device=device.DEVICE, dtype=torch.bfloat16)
        target = torch.empty_like(source)
        seconds = device.clocked([lambda: target.copy_(source)])
        moved = 2 * source.numel() * source.itemsize
        return lambda rows: lambda: seconds() / moved

    yield Contender("copy", 0, prepare, own_clock=True)
