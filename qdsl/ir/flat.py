"""Unrolls an entry: calls inlined, values numbered once, parameters named by full path."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from qdsl.ir.model import Body, Entry, EntryInput, Invoke, Model, Node, TensorType, join
from qdsl.ir.op import Op
from qdsl.record import record


@record
class FlatNode:
    """A node of the unrolled graph: `path` is the instance's, `node.parameters` full paths.

    `ends`: it gives the first result of its layer, or the value of its name: what `output` rounds.
    `label` is its own below its instance: `forward.x`, before it `forward.x@1` for what is computed
    on the way to x, `forward.add#2` for the second sum that has no name.
    """

    path: str
    node: Node
    ends: bool = False
    label: str = ""

    @property
    def value(self) -> str:
        """The path of its layer, or of the named value that it is part of."""
        return join(self.path, self.node.name)


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
    ends: dict[int, frozenset[int]] = field(default_factory=dict)  # by the id of a body
    labels: dict[int, tuple[str, ...]] = field(default_factory=dict)  # by the id of a body

    def fresh(self, count: int) -> tuple[int, ...]:
        first, self.values = self.values, self.values + count
        return tuple(range(first, self.values))

    def unroll(self, body: Body, path: str, inputs: Sequence[int]) -> tuple[int, ...]:
        number = dict(enumerate(inputs))
        if id(body) not in self.ends:
            self.ends[id(body)] = _ends(body)
            self.labels[id(body)] = _labels(body)
        ends, labels = self.ends[id(body)], self.labels[id(body)]
        for index, step in enumerate(body.steps):
            given = tuple([number[i] for i in step.inputs])
            if isinstance(step, Invoke):
                results = self.unroll(step.body, join(path, step.member), given)
            else:
                results = self.fresh(len(step.outputs))
                parameters = tuple([join(path, p) for p in step.parameters])
                # not `replace`, which costs more than the rest of this loop
                node = Node(step.op, given, results, step.types, parameters, step.name, step.span)
                self.nodes.append(FlatNode(path, node, index in ends, labels[index]))
            number.update(zip(step.outputs, results, strict=True))
        return tuple(number[o] for o in body.outputs)


def _ends(body: Body) -> frozenset[int]:
    """Steps that give the first result of the body, or are the last of their name."""
    nodes = [(i, s) for i, s in enumerate(body.steps) if isinstance(s, Node)]
    last = {s.name: i for i, s in nodes if s.name}
    first = (i for i, s in nodes if not s.name and {*body.outputs[:1]} & {*s.outputs})
    return frozenset((*last.values(), *first))


def _labels(body: Body) -> tuple[str, ...]:
    """One for each step, empty for calls."""
    left = Counter(s.name for s in body.steps if isinstance(s, Node))
    seen: Counter[str] = Counter()
    return tuple(_label(body, s, left, seen) for s in body.steps)


def _label(body: Body, step: Node | Invoke, left: Counter[str], seen: Counter[str]) -> str:
    if isinstance(step, Invoke):
        return ""
    base = step.name or f"{body.function}.{_word(step.op)}"
    seen[base] += 1
    if not step.name:
        return f"{base}#{seen[base]}"
    left[base] -= 1
    return f"{base}@{seen[base]}" if left[base] else base


def _word(op: Op) -> str:
    return str(getattr(op, "function", type(op).__name__.lower()))


@lru_cache(maxsize=4)  # entries are values compared by identity
def flatten(entry: Entry) -> Graph:
    """The unrolled graph of an entry; ties are not resolved here (Model.ties does)."""
    unroller = _Unroller()
    inputs = unroller.fresh(len(entry.inputs))
    outputs = unroller.unroll(entry.body, "", inputs)
    return Graph(entry.name, entry.inputs, tuple(unroller.nodes), outputs, entry.results)


def graphs(model: Model) -> tuple[Graph, ...]:
    """Every entry of the model, unrolled."""
    return tuple(flatten(entry) for entry in model.entries)
