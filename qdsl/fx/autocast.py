"""Rounds what one product reads at once to the type that autocast computes the product in."""

import torch
import torch.nn.functional as F
from torch import Tensor, fx

from qdsl.fx import operations

PRODUCTS = (F.linear, operations.convolution, operations.grouped_linear)
"""Functions whose first two operands autocast casts; not all cast a bias."""


def product_type(x: Tensor, multiplied: bool) -> torch.dtype:
    """The type in which a product reads the values of x; its own, unless x is f32 and is cast."""
    device = x.device.type
    if not multiplied or x.dtype is not torch.float32 or x.is_meta:  # of which autocast knows not
        return x.dtype
    return torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else x.dtype


def mark_multiplied(lowered: fx.Graph, rounders: tuple[object, ...]) -> fx.Graph:
    """Tells modules and those functions, by `multiplied`, that one product alone reads the result.

    Where there are several, their gradients are added in f32.
    """
    for node in lowered.nodes:
        rounds = node.op == "call_module" or node.target in rounders
        if rounds and _is_multiplied(node):
            node.kwargs = {**node.kwargs, "multiplied": True}
    return lowered


def _is_multiplied(node: fx.Node) -> bool:
    if len(node.users) != 1:
        return False
    (user,) = node.users
    if user.op == "call_method" and user.target == "flatten":
        return _is_multiplied(user)
    return user.target in PRODUCTS and node in user.args[:2]
