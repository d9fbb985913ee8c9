"""Says whether what is computed is observed: what is computed twice is observed once."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_PAUSED = ContextVar("paused", default=False)  # of each thread its own: of a backward pass too


def is_paused() -> bool:
    """Whether this thread is within `observing_paused`."""
    return _PAUSED.get()


@contextmanager
def observing_paused() -> Iterator[None]:
    """While it is entered ranges round and do not observe, inputs of weights are not summed, and
    quantizers count no steps: no process waits for another in it."""
    before = _PAUSED.set(True)
    try:
        yield
    finally:
        _PAUSED.reset(before)
