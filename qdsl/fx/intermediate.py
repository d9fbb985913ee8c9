"""Gives the values that entries compute on the way, by path."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

from torch import Tensor

from qdsl.fx.function import function_of
from qdsl.fx.lower import lower
from qdsl.fx.program import Program
from qdsl.ir.flat import FlatNode, Graph, graphs
from qdsl.ir.model import Model, join

Values = dict[str, list[Tensor]]  # by path, in the order in which entries are called


def has_value(model: Model, path: str) -> bool:
    """Whether some entry computes a value of that path."""
    return any(_node(graph, path) is not None for graph in graphs(model))


class Intermediate:
    """What a program computes at some paths: of layers and blocks, and of values (`a.forward.x`).

    A block's value is what its last operation gives; that of a layer with a folded norm is what the
    norm gives, in float as in QAT. Gradients go through the values.
    """

    def __init__(self, program: Program, paths: Sequence[str]) -> None:
        self.program = program
        norms = {fold.into: fold.norm for fold in program.packed_ir.folds}
        self._graphs = {g.entry: (g, _numbers(g, paths, norms)) for g in graphs(program.ir)}
        self._functions = {
            name: (function_of(lower(_extended(g, numbers), program.lowering), name), g, numbers)
            for name, (g, numbers) in self._graphs.items()
            if numbers
        }

    @contextmanager
    def recorded(self) -> Iterator[Values]:
        """What the entries compute while it is entered."""
        values: Values = {}
        functions = {
            name: _recording(function, len(graph.outputs), numbers, values)
            for name, (function, graph, numbers) in self._functions.items()
        }
        with self._replaced(functions):
            yield values

    def _replaced(
        self, functions: Mapping[str, Callable[..., Any]]
    ) -> AbstractContextManager[None]:
        return self.program.replaced(functions) if functions else nullcontext()


def _recording(
    function: Callable[..., Any], results: int, numbers: Mapping[str, int], values: Values
) -> Callable[..., Any]:
    def run(program: Program, *inputs: Any, **named: Any) -> Any:
        found = function(program, *inputs, **named)
        for path, value in zip(numbers, found[results:], strict=True):
            values.setdefault(path, []).append(value)
        return found[:results] if results != 1 else found[0]

    return run


def _extended(graph: Graph, numbers: Mapping[str, int]) -> Graph:
    return replace(graph, outputs=(*graph.outputs, *numbers.values()))


def _numbers(graph: Graph, paths: Sequence[str], norms: Mapping[str, str]) -> dict[str, int]:
    """The number of the value at each path that the entry computes; `norms` are folded ones, by
    the layer that takes them in."""
    found = ((path, _node(graph, path)) for path in paths)
    return {path: _normed(graph, flat, norms) for path, flat in found if flat is not None}


def _normed(graph: Graph, flat: FlatNode, norms: Mapping[str, str]) -> int:
    """The node's value, or that of the folded norm which alone reads it."""
    value = flat.node.outputs[0]
    if (norm := norms.get(flat.path)) is None:
        return value
    readers = (n for n in graph.nodes if n.path == norm and value in n.node.inputs)
    return next(readers).node.outputs[0]


def _node(graph: Graph, path: str) -> FlatNode | None:
    for flat in reversed(graph.nodes):
        inside = flat.path == path or flat.path.startswith(f"{path}.")
        if inside or (flat.node.name and join(flat.path, flat.node.name) == path):
            return flat
    return None
