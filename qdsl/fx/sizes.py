"""Gives dims their values at run time: sizes of the inputs, and integer arithmetic on them."""

import operator
from collections.abc import Iterable, Sequence
from functools import reduce

from torch.fx import Graph, Node

from qdsl.diagnostic.model import QdslError, error
from qdsl.ir.model import EntryInput
from qdsl.ir.shape import Atom, Dim, FloorDiv, Shape

Size = int | Node


class Sizes:
    """Nodes of dims in one graph; each dim is computed once.

    A name takes its value from an input that has it as a dim, or as the only unknown of a dim
    `a·N + b`. Inputs that are always given come first.
    """

    def __init__(self, graph: Graph, inputs: Iterable[tuple[EntryInput, Node]]) -> None:
        self._graph = graph
        self._names: dict[str, Size] = {}
        self._dims: dict[Dim, Size] = {}
        ordered = sorted(inputs, key=lambda pair: pair[0].zeros)
        for solve in (self._read, self._solve):
            for given, node in ordered:
                for axis, dim in enumerate(given.type.shape):
                    solve(dim, node, axis)

    def of(self, dim: Dim) -> Size:
        """The dim as an integer or a node; raises QdslError for a name that no input has."""
        if dim not in self._dims:
            self._dims[dim] = self.formula(dim, self._names)
        return self._dims[dim]

    def shape(self, dims: Shape) -> tuple[Size, ...]:
        return tuple(self.of(d) for d in dims)

    def applied(self, formula: Dim, variable: str, value: Node) -> Size:
        """`formula` with a tensor of integers for one name."""
        return self.formula(formula, {**self._names, variable: value})

    def formula(self, dim: Dim, names: dict[str, Size]) -> Size:
        if (constant := dim.constant) is not None:
            return constant
        return self._sum([self._term(p, c, names) for p, c in dim.terms])

    def _term(self, product: Sequence[Atom], coefficient: int, names: dict[str, Size]) -> Size:
        result: Size = coefficient
        for atom in product:
            result = self._times(result, self._atom(atom, names))
        return result

    def _atom(self, atom: Atom, names: dict[str, Size]) -> Size:
        if isinstance(atom, FloorDiv):
            top = self.formula(atom.numerator, names)
            bottom = self.formula(atom.denominator, names)
            return self._graph.call_function(operator.floordiv, (top, bottom))
        if atom not in names:
            raise QdslError([error("Q501", f"no input of the entry has the dim `{atom}`")])
        return names[atom]

    def _sum(self, terms: list[Size]) -> Size:
        return reduce(lambda a, b: self._graph.call_function(operator.add, (a, b)), terms)

    def _times(self, a: Size, b: Size) -> Size:
        if a == 1:
            return b
        return self._graph.call_function(operator.mul, (b, a))

    def _read(self, dim: Dim, node: Node, axis: int) -> None:
        match dim.terms:
            case (((str(name),), 1),) if name not in self._names:
                self._names[name] = self._graph.call_method("size", (node, axis))
            case _:
                pass

    def _solve(self, dim: Dim, node: Node, axis: int) -> None:
        match [t for t in dim.terms if t[0]]:
            case [((str(name),), coefficient)] if name not in self._names:
                size = self._graph.call_method("size", (node, axis))
                offset = dict(dim.terms).get((), 0)
                rest = self._graph.call_function(operator.sub, (size, offset))
                self._names[name] = self._graph.call_function(
                    operator.floordiv, (rest, coefficient)
                )
            case _:
                pass
