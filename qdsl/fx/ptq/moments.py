"""Sums what the products of a layer were given, for each of its weights."""

from collections.abc import Callable, Iterable
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx import operations
from qdsl.fx.recording import Tensors
from qdsl.ir import op
from qdsl.ir.flat import FlatNode
from qdsl.ir.model import join

Run = Callable[..., Tensors]  # the layer alone
Read = Callable[[str], Tensor]  # a parameter as the layer sees it, by its path


def moments(inputs: Iterable[Tensor]) -> Tensor | None:
    """XᵀX f64 [P, K, K] over all rows of inputs [P, rows, K]; None of no row."""
    total: Tensor | None = None
    for x in inputs:
        rows = x.double()
        found = rows.mT @ rows
        total = found if total is None else total + found
    return total


def products(flat: FlatNode) -> tuple[str, ...]:
    """Paths of the weights of an operation, in the order in which they are used."""
    match flat.node.op:
        case op.Linear() | op.Conv():
            return flat.node.parameters[:1]
        case op.Lstm() | op.Gru():
            names = ("weight_ih", "weight_hh", "weight_hr")
            return tuple(p for n in names if (p := join(flat.path, n)) in flat.node.parameters)
        case _:
            return ()


def given(flat: FlatNode, weight: str, inputs: Tensors, run: Run, read: Read) -> Tensor:
    """What the product with one weight is given: [P, rows, K] for P parts of its rows.

    `inputs` are those of the layer. Of a recurrence the states are those that it computes from
    them, its other weights as they are now.
    """
    operation = flat.node.op
    match operation:
        case op.Linear():
            return _rows(inputs[0])
        case op.Conv():
            return _of_convolution(operation, inputs[0])
        case op.Lstm() | op.Gru():
            x, h, *_ = inputs
            if weight == join(flat.path, "weight_ih"):
                return _rows(x)
            y, *_ = run(*inputs)
            before = torch.cat([h.unsqueeze(1), y[:, :-1]], 1)[:, : x.shape[1]]
            if weight == join(flat.path, "weight_hr"):
                return _rows(_cells(flat, inputs, before, read))
            return _rows(before)
        case _:
            raise ValueError(f"`{flat.path}` has no product with a weight")


def _rows(x: Tensor) -> Tensor:
    """[..., K] → [1, rows, K]."""
    return x.reshape(1, -1, x.shape[-1])


def _of_convolution(conv: op.Conv, x: Tensor) -> Tensor:
    """Patches of each group of channels, columns as in the weight's matrix."""
    shape = (conv.kernel, conv.stride, conv.padding, conv.dilation)
    channels = x.shape[-1] // conv.groups
    rows = operations.patches(x, *shape).reshape(-1, prod(conv.kernel), conv.groups, channels)
    return rows.permute(2, 0, 1, 3).flatten(2)


def _cells(flat: FlatNode, inputs: Tensors, before: Tensor, read: Read) -> Tensor:
    """o·tanh(c) [B, T, hidden], the input of a projection, from the states before each step."""
    x, _, c = inputs
    weight_ih, weight_hh, bias = (
        read(join(flat.path, name)) for name in ("weight_ih", "weight_hh", "bias")
    )
    gates = F.linear(x, weight_ih, bias) + F.linear(before, weight_hh)
    found = []
    for i, f, g, o in (step.chunk(4, -1) for step in gates.unbind(1)):
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        found.append(o.sigmoid() * c.tanh())
    return torch.stack(found, 1) if found else gates.new_zeros(len(x), 0, c.shape[1])
