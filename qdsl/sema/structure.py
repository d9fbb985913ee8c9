"""Takes values apart into their tensors, and puts them together again."""

from collections.abc import Iterator, Mapping
from dataclasses import field

from qdsl.ir.builder import Builder, Value
from qdsl.ir.model import TensorType
from qdsl.record import record
from qdsl.sema.values import Val
from qdsl.source import Span

Structure = object
"""What a value is before its numbers: a tensor type, a tuple of structures, a static value."""


@record
class Arguments:
    """Arguments of a call: tensors, arrays of tensors, `none`.

    each: which of them (by position or name) are taken element by element; spans: where they are
    written.
    """

    positional: tuple[Val, ...]
    named: tuple[tuple[str, Val], ...] = ()
    each: frozenset[int | str] = frozenset()
    spans: Mapping[int | str, Span] = field(default_factory=dict)

    def values(self) -> Iterator[Val]:
        yield from self.positional
        yield from (v for _, v in self.named)

    def tensors(self) -> list[Value]:
        found: list[Value] = []
        for value in self.values():
            flatten_value(value, found)
        return found

    def structure(self) -> Structure:
        named = tuple((n, structure_of(v)) for n, v in self.named)
        return tuple(structure_of(v) for v in self.positional), named


def with_inputs(b: Builder, arguments: Arguments) -> Arguments:
    """The arguments with their tensors as inputs of a new body."""

    def inside(value: Val) -> Val:
        if isinstance(value, Value):
            return b.input(value.type)
        if isinstance(value, tuple):
            return tuple(inside(v) for v in value)
        return value

    positional = tuple(inside(v) for v in arguments.positional)
    named = tuple((n, inside(v)) for n, v in arguments.named)
    return Arguments(positional, named, arguments.each, arguments.spans)


def flatten_value(value: Val, into: list[Value]) -> None:
    """Appends the tensors of a value, in order."""
    if isinstance(value, Value):
        into.append(value)
    elif isinstance(value, tuple):
        for v in value:
            flatten_value(v, into)


def structure_of(value: Val) -> Structure:
    if isinstance(value, Value):
        return value.type
    if isinstance(value, tuple):
        return tuple(structure_of(v) for v in value)
    return value


def rebuild(structure: Structure, values: Iterator[Value]) -> Val:
    """The value of that structure, its tensors taken from `values`."""
    if isinstance(structure, TensorType):
        return next(values)
    if isinstance(structure, tuple):
        return tuple(rebuild(s, values) for s in structure)
    return structure  # type: ignore[return-value]


def is_tensors(value: Val) -> bool:
    """Whether the value is a tensor or an array of them."""
    if isinstance(value, tuple):
        return all(is_tensors(v) for v in value)
    return isinstance(value, Value)
