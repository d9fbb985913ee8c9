"""Fuses what follows a product with a packed weight into it: a relu, or a value that is added.

Results stay equal to the bit: a kernel rounds each step as the operations alone do.
"""

import operator
from collections.abc import Callable

import torch
from torch import fx

from qdsl.ir import op
from qdsl.ir.flat import Graph
from qdsl.ir.model import TensorType


def fuse(lowered: fx.Graph, graph: Graph, linear: Callable[..., object]) -> fx.Graph:
    """The graph that `graph` was lowered to, changed in place, with fewer calls.

    A product whose only use is a relu takes it as `relu`; one whose only use is then a sum with
    another value of the same shape takes that as `residual`.
    """
    for node in list(lowered.nodes):
        if node.target is torch.relu and _ends_in(product := node.all_input_nodes[0], linear):
            _take(product, node, relu=True)
    types = _types(graph)
    for node in list(lowered.nodes):
        if node.target is operator.add and _adds_alike(node, graph, types):
            _fuse_sum(node, linear)
    lowered.lint()
    return lowered


def _fuse_sum(add: fx.Node, linear: Callable[..., object]) -> None:
    a, b = add.args
    for product, other in ((b, a), (a, b)):
        if not isinstance(product, fx.Node) or not isinstance(other, fx.Node):
            continue
        if other is not product and _ends_in(product, linear):
            # it is computed where the other one is known
            add.prepend(product)
            _take(product, add, residual=other)
            return


def _ends_in(node: fx.Node, linear: Callable[..., object]) -> bool:
    """Whether the node is a product that is used once, and to which nothing was added."""
    return node.target is linear and len(node.users) == 1 and "residual" not in node.kwargs


def _types(graph: Graph) -> dict[int, TensorType]:
    types = {i: given.type for i, given in enumerate(graph.inputs)}
    for flat in graph.nodes:
        types.update(zip(flat.node.outputs, flat.node.types, strict=True))
    return types


def _adds_alike(add: fx.Node, graph: Graph, types: dict[int, TensorType]) -> bool:
    """Whether this is a sum of the spec of two values of one shape."""
    node = graph.nodes[add.meta["operation"]].node
    return node.op == op.Binary("add") and all(types[i] == node.types[0] for i in node.inputs)


def _take(product: fx.Node, follower: fx.Node, **options: object) -> None:
    product.kwargs = {**product.kwargs, **options}  # type: ignore[dict-item]
    follower.replace_all_uses_with(product)
    follower.graph.erase_node(follower)
