"""Finds the operations of a graph that read weights, and what each has to do."""

import re
from collections.abc import Iterator, Mapping
from math import prod

import torch
from torch import fx

from qdsl.bench.roofline import Work
from qdsl.fx.storages import Storages
from qdsl.ir.format import FloatGrid, code_bits
from qdsl.ir.model import Role, Storage
from qdsl.record import record
from qdsl.target import Backend, grid_word

NOT_LAYERS = frozenset({"matmul", "round", "dequantize"})
"""Operations of `qdsl::` on values, which may be parameters."""

FLOAT_LAYERS = frozenset({"linear", "embedding", "convolution", "lstm", "gru"})
"""Functions of weights that are floats."""

_STEPS = {"lstm": 0, "gru": 0, "integer_lstm": 1, "integer_gru": 1}
"""The axis of time in the outputs of recurrent operations; in functions on floats it is 1."""


@record
class Fact:
    """What one run of the graph told of a node: its first tensor, and all bytes of its value."""

    shape: tuple[int, ...]
    bytes: int


@record
class Layer:
    """A node that reads weights: the path of the first of them, and the kernel that runs."""

    path: str
    operation: str
    kernel: str
    format: str
    work: Work


def constants(graph: fx.Graph) -> dict[fx.Node, frozenset[str]]:
    """Nodes whose values follow from attributes of the program alone, with these."""
    found: dict[fx.Node, frozenset[str]] = {}
    for node in graph.nodes:
        inputs = node.all_input_nodes
        if node.op == "get_attr":
            found[node] = frozenset([str(node.target)])
        elif inputs and all(n in found for n in inputs):
            found[node] = frozenset[str]().union(*(found[n] for n in inputs))
    return {node: keys for node, keys in found.items() if node.op != "output"}


def target_name(node: fx.Node) -> str:
    """`linear` of `qdsl::linear`, `softmax`, `add`; `attribute` for what reads one."""
    if node.op == "get_attr":
        return "attribute"
    if isinstance(node.target, torch._ops.OpOverload):
        return node.target._schema.name.partition("::")[2]
    return str(getattr(node.target, "__name__", node.target))


def layers(
    graph: fx.Graph, storages: Storages, backend: Backend, facts: Mapping[str, Fact]
) -> dict[str, Layer]:
    """Of each node that reads weights, by the node's name, in the order of the graph."""
    known = {storages.key(s.path): s for s in storages.model.storages}
    fixed = constants(graph)
    read = {
        node: tuple(_weights(node, fixed, known))
        for node in graph.nodes
        if node not in fixed and _may_be_layer(node)
    }
    # an entry runs again and again: all its weights are read before one is read again
    once = dict.fromkeys(n for found in read.values() for n, _ in found)
    working_set = sum(facts[n.name].bytes for n in once)
    return {
        node.name: _layer(node, found, backend, facts, working_set)
        for node, found in read.items()
        if found
    }


Weights = tuple[tuple[fx.Node, Storage], ...]


def _may_be_layer(node: fx.Node) -> bool:
    if node.op != "call_function":
        return False
    name = target_name(node)
    if isinstance(node.target, torch._ops.OpOverload) and node.target.namespace == "qdsl":
        return name.removeprefix("integer_") not in NOT_LAYERS
    return name in FLOAT_LAYERS


def _weights(
    node: fx.Node, fixed: Mapping[fx.Node, frozenset[str]], known: Mapping[str, Storage]
) -> Iterator[tuple[fx.Node, Storage]]:
    """Constants that the node is given and that come from a weight, with its storage."""
    for given in node.all_input_nodes:
        for key in fixed.get(given, ()):
            storage = known.get(key)
            if storage and storage.parameter.role is Role.WEIGHT:
                yield given, storage


def _layer(
    node: fx.Node, weights: Weights, backend: Backend, facts: Mapping[str, Fact], working_set: int
) -> Layer:
    storage, name, shape = weights[0][1], target_name(node), facts[node.name].shape
    sizes = [facts[n.name].bytes for n, _ in weights]
    word = _word(node)
    operands = _operands(word)
    if name.endswith("embedding"):
        table, width = storage.parameter.matrix
        rows = prod(shape[:-1])
        work = Work((rows, width), rows * sizes[0] // max(table, 1), 0, working_set, operands)
    else:
        work = _product(weights, sizes, shape, _time_axis(node, name), working_set, operands)
    return Layer(
        path=_path([storage.path for _, storage in weights]),
        operation=name,
        kernel=_kernel(backend, name, storage, word),
        format=str(storage.format),
        work=work,
    )


def _path(paths: list[str]) -> str:
    """Of the weight without `.weight`, or of the layer that has all of them."""
    layer, _, name = paths[0].rpartition(".")
    alike = all(path.startswith(f"{layer}.") for path in paths)
    return layer if name == "weight" or (len(paths) > 1 and alike) else paths[0]


def _product(
    weights: Weights,
    sizes: list[int],
    shape: tuple[int, ...],
    time: int | None,
    working_set: int,
    operands: str,
) -> Work:
    matrices = [storage.parameter.matrix for _, storage in weights]
    rows = prod(shape[:-1])
    steps = 1
    if time is not None:
        # a step needs the one before it: weights are read for each, and soon again
        steps, working_set = shape[time], sum(sizes)
    # but for those of the input, which waits for nothing
    often = [1 if storage.path.endswith(".weight_ih") else steps for _, storage in weights]
    read = sum(size * times for size, times in zip(sizes, often, strict=True))
    operations = 2 * rows * sum(n * k for n, k in matrices)
    return Work((rows, *matrices[0]), read, operations, working_set, operands)


def _time_axis(node: fx.Node, name: str) -> int | None:
    """Of a recurrent operation."""
    if name not in _STEPS or isinstance(node.target, torch._ops.OpOverload):
        return _STEPS.get(name)
    return 1


def _word(node: fx.Node) -> str:
    """How the node rounds what it is given, as a capability says it."""
    if target_name(node).startswith("integer_"):
        return "int16"
    words = (a for a in node.args if isinstance(a, str))
    return next((w for w in words if re.fullmatch(r"(u?int\d|bf16|f32).*", w)), "f32")


def _operands(word: str) -> str:
    """What the peak is of: values of 16 bits are rounded to 8 before they are multiplied."""
    if "int" in word:
        return "int8"
    return "bf16" if word.startswith("bf16") else "f32"


def _kernel(backend: Backend, operation: str, storage: Storage, word: str) -> str:
    """The kernel's name; `torch` for floats, the operation's where no capability tells."""
    if isinstance(storage.format.grid, FloatGrid):
        return "torch"
    grid, bits = grid_word(storage.format), code_bits(storage.format.grid)
    for c in backend.capabilities():
        if (c.operation, c.grid) == (operation, grid) and bits in c.bits:
            if word in c.activations:
                return c.kernel
    return operation
