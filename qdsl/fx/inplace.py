"""Computes elementwise results in the memory of an operand that nothing else reads.

A large new tensor costs more than what is computed into it, since the system clears its pages.
Results stay equal to the bit.
"""

import operator
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import fx
from torch._ops import OpOverload

from qdsl.fx import operations
from qdsl.fx.elementwise import UNARY
from qdsl.ir.flat import Graph
from qdsl.ir.model import TensorType

# methods of torch.Tensor by the functions that they compute
_METHODS: dict[object, str] = {
    operator.add: "add_",
    operator.sub: "sub_",
    operator.mul: "mul_",
    operator.truediv: "div_",
} | {UNARY[name]: f"{name}_" for name in UNARY if name not in ("silu", "gelu", "not")}
_EITHER = (operator.add, operator.mul)  # whose operands can be swapped

# their results share memory with nothing
_FRESH: set[object] = {*_METHODS, *_METHODS.values(), F.silu, F.gelu, F.glu, torch.softmax}
_FRESH |= {F.layer_norm, F.linear, operations.convolution}


def inplace(lowered: fx.Graph, graph: Graph) -> fx.Graph:
    """The graph that `graph` was lowered to, changed in place."""
    types = _types(lowered, graph)
    for node, type in list(types.items()):
        for operand in _operands(node):
            if _is_spare(operand) and types.get(operand) == type:
                types[_computed_in(operand, node)] = type
                break
    lowered.lint()
    return lowered


def _types(lowered: fx.Graph, graph: Graph) -> dict[fx.Node, TensorType]:
    """By the nodes that give the only result of an operation: the last ones of theirs."""
    last = {n.meta["operation"]: n for n in lowered.nodes if "operation" in n.meta}
    types = {node: graph.nodes[number].node.types for number, node in last.items()}
    return {node: each[0] for node, each in types.items() if len(each) == 1}


def _operands(node: fx.Node) -> tuple[object, ...]:
    """Those whose memory may take the result, better ones first."""
    if node.target in _EITHER:
        return node.args
    return node.args[:1] if node.target in {*_METHODS, F.silu, torch.softmax} else ()


def _is_spare(operand: object) -> TypeGuard[fx.Node]:
    """Whether it is a tensor of its own memory that is used once."""
    if not isinstance(operand, fx.Node) or len(operand.users) != 1:
        return False
    target = operand.target
    return target in _FRESH or (isinstance(target, OpOverload) and target.namespace == "qdsl")


def _computed_in(operand: fx.Node, node: fx.Node) -> fx.Node:
    """The node that computes the same in the operand's memory, in place of the other."""
    if node.target is F.silu:
        node.update_kwarg("inplace", True)
        return node
    if node.target is torch.softmax:
        node.update_kwarg("out", operand)  # a row is read before it is written
        return node
    # by its place: the other operand may be the same value
    place = node.args.index(operand)
    others = node.args[:place] + node.args[place + 1 :]
    with node.graph.inserting_before(node):
        result = node.graph.call_method(_METHODS[node.target], (operand, *others))
    result.meta.update(node.meta)
    node.replace_all_uses_with(result)
    node.graph.erase_node(node)
    return result
