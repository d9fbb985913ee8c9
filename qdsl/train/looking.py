"""Shows batches to the observers of static ranges, and changes nothing else."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from qdsl.fx.observer import Observer
from qdsl.fx.program import Program


@contextmanager
def looking(program: Program, observers: Sequence[Observer]) -> Iterator[None]:
    """These observe what the program computes while it is entered; the rest is in evaluation."""
    training = program.training
    program.eval()
    for observer in observers:
        observer.train()
    try:
        with torch.no_grad():
            yield
    finally:
        program.train(training)


def observers(program: Program) -> tuple[Observer, ...]:
    """All of a program's; it is quantized."""
    return tuple(observer for _, _, observer in program.ranges())


def beginners(program: Program) -> tuple[Observer, ...]:
    """Those without a range, where some of them are trained from what the first batch has."""
    found = tuple(o for o in observers(program) if not o.observed)
    return found if any(o.learned for o in found) else ()
