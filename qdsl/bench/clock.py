"""Times calls: often enough that the clock counts for nothing, on as many threads as asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import ceil
from time import perf_counter

import torch

ENOUGH = 0.01
"""Seconds of calls that a figure of one round is the mean of."""

Call = Callable[[], object]


def mean_seconds(call: Call, count: int) -> float:
    """Of so many calls."""
    begin = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - begin) / count


def enough(call: Call, *, most: int = 10_000) -> int:
    """How many calls take ENOUGH; it runs some, which warms caches and threads."""
    once = mean_seconds(call, 1)
    for _ in range(3 if once < 1 else 0):
        once = min(once, mean_seconds(call, 1))
    return max(1, min(most, ceil(ENOUGH / max(once, 1e-9))))


@contextmanager
def threads(count: int | None) -> Iterator[int]:
    """Torch, and the kernels with it, use so many; as many as before where None."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield count or before
    finally:
        torch.set_num_threads(before)
