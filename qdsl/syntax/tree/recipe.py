"""Defines recipes, which train a variant, and targets, which run it."""

from dataclasses import field

from qdsl.record import record
from qdsl.source import Span
from qdsl.syntax.tree.expression import Expr, Name
from qdsl.syntax.tree.rule import Property, Quantity
from qdsl.syntax.tree.span import span


@record
class Stage:
    """`stage qat { steps = 2000; lr = 2e-4 }`."""

    name: Name
    properties: tuple[Property, ...]
    span: Span = span()


@record
class Recipe:
    """`recipe name { task = …  stage … }`: properties stand before, between or behind stages."""

    name: Name
    steps: tuple[Property | Stage, ...]
    doc: str = field(compare=False)
    span: Span = span()

    @property
    def properties(self) -> tuple[Property, ...]:
        return tuple(s for s in self.steps if isinstance(s, Property))

    @property
    def stages(self) -> tuple[Stage, ...]:
        return tuple(s for s in self.steps if isinstance(s, Stage))


@record
class Trait:
    """`memory = 64 MiB` of a target."""

    name: Name
    value: Expr | Quantity
    span: Span = span()


@record
class Target:
    """`target phone extends cpu { memory = 64 MiB }`."""

    name: Name
    base: Name | None
    traits: tuple[Trait, ...]
    doc: str = field(compare=False)
    span: Span = span()
