"""Times calls: often enough that the clock counts for nothing, on as many threads as asked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from math import ceil
from time import perf_counter

import torch

ENOUGH = 0.01
"""Seconds of calls that a figure of one round is the mean of."""

Call = Callable[[], object]
Wait = Callable[[], None]


def wait_for(device: torch.device) -> Wait:
    """What returns when all that was launched on the device is done: of a processor, at once."""
    if device.type == "cuda":
        return partial(torch.cuda.synchronize, device)
    return lambda: None


def mean_seconds(call: Call, count: int, wait: Wait = lambda: None) -> float:
    """Of so many calls."""
    wait()
    begin = perf_counter()
    for _ in range(count):
        call()
    wait()
    return (perf_counter() - begin) / count


def enough(call: Call, wait: Wait = lambda: None, *, most: int = 10_000) -> int:
    """How many calls take ENOUGH; it runs some, which warms caches and threads."""
    once = mean_seconds(call, 1, wait)
    for _ in range(3 if once < 1 else 0):
        once = min(once, mean_seconds(call, 1, wait))
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
