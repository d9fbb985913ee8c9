"""Counts the multiply-accumulates of an entry for given sizes of its free dims."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, lru_cache, partial
from math import prod

from qdsl.ir.flat import FlatNode, Graph, flatten
from qdsl.ir.model import Entry, Model, Module, TensorType, join
from qdsl.ir.op import Conv, Einsum, Gru, Linear, Lstm
from qdsl.ir.shape import Dim
from qdsl.record import record

Sizes = Mapping[str, int]
SizeOf = Callable[[Dim], int]


@record
class Macs:
    """Products of one layer; `path` is the layer's, or that of the block which has an einsum."""

    path: str
    count: int


def free_dims(model: Model, entry: str) -> frozenset[str]:
    """Names that `macs` must be given a size for; raises KeyError for an unknown entry."""
    inputs = _entry(model, entry).inputs
    return frozenset(name for i in inputs for d in i.type.shape for name in d.names())


def macs(model: Model, entry: str, sizes: Sizes) -> tuple[Macs, ...]:
    """Of matrix products alone, one item per layer that has any, in the order of the graph.

    Linear, convolution, LSTM and GRU count weights times positions (biases, norms and elementwise
    functions nothing), an einsum the product of all its axes, an embedding nothing. Raises
    KeyError for an unknown entry and for a free dim without a size.
    """
    found = {e.name: e for e in model.entries}
    return _macs(model.root, found[entry], tuple(sorted(sizes.items())))


@lru_cache(maxsize=8)
def _macs(root: Module, entry: Entry, sizes: tuple[tuple[str, int], ...]) -> tuple[Macs, ...]:
    shapes = {
        join(base, p.name): p.shape for base, module in root.walk() for p in module.parameters
    }
    totals: dict[str, int] = {}
    # layers are many, the dims of their shapes few
    size_of = cache(partial(Dim.evaluate, values=dict(sizes)))
    for flat, inputs in _typed(flatten(entry)):
        if count := _count(flat, inputs, shapes, size_of):
            totals[flat.path] = totals.get(flat.path, 0) + count
    return tuple(Macs(path, count) for path, count in totals.items())


def _entry(model: Model, name: str) -> Graph:
    entries = {e.name: e for e in model.entries}
    return flatten(entries[name])


def _typed(graph: Graph) -> Iterator[tuple[FlatNode, tuple[TensorType, ...]]]:
    """Each node with the types of its inputs."""
    types = {i: given.type for i, given in enumerate(graph.inputs)}
    for flat in graph.nodes:
        yield flat, tuple(types[i] for i in flat.node.inputs)
        types.update(zip(flat.node.outputs, flat.node.types, strict=True))


def _count(
    flat: FlatNode,
    inputs: tuple[TensorType, ...],
    shapes: Mapping[str, tuple[int, ...]],
    size_of: SizeOf,
) -> int:
    node = flat.node
    match node.op:
        case Linear() | Conv():
            return _elements(node.types[0], size_of) * prod(shapes[node.parameters[0]][1:])
        case Lstm() | Gru():
            matrices = [shapes[p] for p in node.parameters if len(shapes[p]) == 2]
            batch, time = map(size_of, inputs[0].shape[:2])
            return batch * time * sum(map(prod, matrices))
        case Einsum(equation):
            return _einsum(equation, inputs, size_of)
        case _:
            return 0


def _elements(type: TensorType, size_of: SizeOf) -> int:
    return prod(map(size_of, type.shape))


def _einsum(equation: str, inputs: tuple[TensorType, ...], size_of: SizeOf) -> int:
    terms = equation.replace(" ", "").partition("->")[0].split(",")
    letters = {
        letter: size_of(d)
        for term, type in zip(terms, inputs, strict=True)
        for letter, d in zip(term, type.shape, strict=True)
    }
    return prod(letters.values())
