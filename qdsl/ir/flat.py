"""Unrolls an entry: calls inlined, values numbered once, parameters named by full path."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from qdsl.ir.model import Body, Entry, EntryInput, Invoke, Model, Node, TensorType, join
from qdsl.record import record


@record
class FlatNode:
    """A node of the unrolled graph: `path` is the instance's, `node.parameters` full paths."""

    path: str
    node: Node


@record
class Graph:
    """One entry, unrolled. Values 0 … len(inputs)-1 are the inputs, in order."""

    entry: str
    inputs: tuple[EntryInput, ...]
    nodes: tuple[FlatNode, ...]
    outputs: tuple[int, ...]
    results: tuple[TensorType, ...]


@dataclass(slots=True)
class _Unroller:
    nodes: list[FlatNode] = field(default_factory=list)
    values: int = 0

    def fresh(self) -> int:
        self.values += 1
        return self.values - 1

    def unroll(self, body: Body, path: str, inputs: Sequence[int]) -> tuple[int, ...]:
        number = dict(enumerate(inputs))
        for step in body.steps:
            given = tuple(number[i] for i in step.inputs)
            if isinstance(step, Invoke):
                results = self.unroll(step.body, join(path, step.member), given)
            else:
                results = tuple(self.fresh() for _ in step.outputs)
                parameters = tuple(join(path, p) for p in step.parameters)
                # not `replace`, which costs more than the rest of this loop
                node = Node(step.op, given, results, step.types, parameters, step.name, step.span)
                self.nodes.append(FlatNode(path, node))
            number.update(zip(step.outputs, results, strict=True))
        return tuple(number[o] for o in body.outputs)


@lru_cache(maxsize=128)  # entries are values compared by identity
def flatten(entry: Entry) -> Graph:
    """The unrolled graph of an entry; ties are not resolved here (Model.ties does)."""
    unroller = _Unroller()
    inputs = [unroller.fresh() for _ in entry.inputs]
    outputs = unroller.unroll(entry.body, "", inputs)
    return Graph(entry.name, entry.inputs, tuple(unroller.nodes), outputs, entry.results)


def graphs(model: Model) -> tuple[Graph, ...]:
    """Every entry of the model, unrolled."""
    return tuple(flatten(entry) for entry in model.entries)
