"""Turns an unrolled entry into a torch.fx graph, one node or few per operation."""

import keyword
from collections.abc import Iterator
from functools import partial
from inspect import Signature
from typing import assert_never

import torch
from torch import fx

from qdsl.fx import operations
from qdsl.fx.elementwise import elementwise, reduction
from qdsl.fx.emission import Emission, Layers, Operand
from qdsl.fx.parts import softmax
from qdsl.fx.shaping import arrangement, selection, source
from qdsl.fx.sizes import Sizes
from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph


def lower(graph: Graph, layers: Layers) -> fx.Graph:
    """The graph of an entry over the attributes of a program that `layers` names.

    Inputs with a default of zeros may be left out. The result is one tensor or a tuple. Nodes have
    the path of their instance in `meta["path"]` and, first of an operation, its number in the
    unrolled graph in `meta["operation"]`.
    """
    result = fx.Graph()
    to = _begin(graph, result)
    steps = layers.integers(to, graph)
    for number, flat in enumerate(graph.nodes):
        before = len(result.nodes)
        plain = partial(_plain, to, flat, layers)
        outputs = steps.operation(number, plain) if steps else plain()
        for node in list(result.nodes)[before:]:
            node.meta.update(path=flat.path, operation=number)
        to.operands.extend(outputs)
        to.dtypes.extend(t.dtype for t in flat.node.types)
    results = tuple(steps.result(o) if steps else to.tensor(o) for o in graph.outputs)
    result.output(results[0] if len(results) == 1 else results)
    # operations compute values and nothing else
    result.eliminate_dead_code(lambda node: node.op in ("placeholder", "output"))
    result.lint()
    return result


def _begin(graph: Graph, result: fx.Graph) -> Emission:
    pairs = tuple(zip(graph.inputs, _placeholders(graph, result), strict=True))
    # without inputs there is nothing to say on which device: the processor
    like = next((n for g, n in pairs if not g.zeros), None)
    to = Emission(result, Sizes(result, pairs), like or result.call_function(torch.empty, ((),)))
    late = False
    for given, node in pairs:
        operand = node
        if given.zeros:
            shape = to.sizes.shape(given.type.shape)
            operand = to.call(operations.state_or_zeros, node, shape, to.like)
        elif late:
            operand = to.call(operations.given, node, given.name)
        late = late or given.zeros
        to.operands.append(operand)
        to.dtypes.append(given.type.dtype)
    return to


def _placeholders(graph: Graph, result: fx.Graph) -> Iterator[fx.Node]:
    optional = False
    for given, name in zip(graph.inputs, _names(graph), strict=True):
        # Python wants a default after a default
        optional = optional or given.zeros
        default = (None,) if optional else (Signature.empty,)
        yield result.placeholder(name, None, *default)


def _names(graph: Graph) -> Iterator[str]:
    """The inputs as names of Python: `h_0` for `h[0]`, one more `_` behind what is taken."""
    taken = {"self", *keyword.kwlist}
    for given in graph.inputs:
        name = given.name.replace("[", "_").replace("]", "")
        while name in taken:
            name += "_"
        taken.add(name)
        yield name


def _plain(to: Emission, flat: FlatNode, layers: Layers) -> tuple[Operand, ...]:
    return _rounded(to, flat, layers, _operation(to, flat, layers))


def _rounded(
    to: Emission, flat: FlatNode, layers: Layers, outputs: tuple[Operand, ...]
) -> tuple[Operand, ...]:
    """The first result rounded, where it is the value of a layer or of a name."""
    if not flat.ends or not isinstance(outputs[0], fx.Node):
        return outputs
    return layers.rounded(to, flat, "output", outputs[0]), *outputs[1:]


def _operation(to: Emission, flat: FlatNode, layers: Layers) -> tuple[Operand, ...]:
    # closed over op.Op: a new operation is a type error in one of the branches
    operation, inputs, types = flat.node.op, flat.node.inputs, flat.node.types
    match operation:
        case (
            op.Read()
            | op.Linear()
            | op.Embedding()
            | op.Conv()
            | op.Lstm()
            | op.Gru()
            | op.LayerNorm()
            | op.BatchNorm()
            | op.Dropout()
        ):
            return layers.emit(to, operation, flat, tuple(to.tensor(i) for i in inputs))
        case op.Einsum():
            return (layers.product(to, operation, flat, *(to.tensor(i) for i in inputs)),)
        case op.Softmax():
            shares = softmax(to, flat, layers, operation.axis, to.tensor(inputs[0]))
            return (layers.rounded(to, flat, "softmax", shares),)
        case op.LogSoftmax() | op.Glu() | op.Reduce() | op.Pool():
            return (reduction(to, operation, inputs),)
        case op.Unary() | op.Binary() | op.Where() | op.Cast():
            return (elementwise(to, operation, inputs),)
        case op.Scalar() | op.Full() | op.Range() | op.Length():
            return (source(to, operation, inputs, types[0].dtype),)
        case op.Index() | op.Cat() | op.Stack() | op.Gather() | op.IndexUpdate():
            return (selection(to, operation, inputs),)
        case (
            op.Reshape()
            | op.Transpose()
            | op.Expand()
            | op.Pad()
            | op.Windows()
            | op.RelativeShift()
        ):
            return (arrangement(to, operation, to.tensor(inputs[0])),)
        case _:
            assert_never(operation)
