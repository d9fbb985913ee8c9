"""Defines teachers: whose outputs a stage is trained to give."""

from collections.abc import Iterator
from dataclasses import dataclass

from qdsl.recipes.option import Option, at_least, share


@dataclass(frozen=True)
class _Teacher(Option):
    """Distillation (arXiv 1503.02531): loss · (1 - weight) + teacher's · weight.

    `match` are paths of values that are made equal to the teacher's besides.
    """

    name: str
    weight: float = 0.5
    temperature: float = 1.0
    match: tuple[str, ...] = ()

    def faults(self) -> Iterator[str]:
        yield from share(weight=self.weight)
        yield from at_least(1e-6, temperature=self.temperature)


@dataclass(frozen=True)
class Stage(_Teacher):
    """The model as it was at the end of an earlier stage of this recipe."""


@dataclass(frozen=True)
class Variant(_Teacher):
    """Another variant of this file, trained before."""


Teacher = Stage | Variant
