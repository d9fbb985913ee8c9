"""Defines what a task is: what a recipe may say of it, and the functions it needs of a model."""

from dataclasses import dataclass
from typing import ClassVar

from qdsl.recipes.loss import Loss
from qdsl.recipes.option import Option


@dataclass(frozen=True)
class Task(Option):
    """Fields are what a recipe may say: `asr(loss = rnnt, blank = 0)`."""

    loss: Loss

    shared: ClassVar[frozenset[str]] = frozenset()
    """Dims that must be one number in all functions; the others are each function's own."""

    def needs(self) -> tuple[str, ...]:
        """The entries that a model must have, as a spec declares them, without a body."""
        raise NotImplementedError
