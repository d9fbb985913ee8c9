"""Lowers arithmetic, products and reductions."""

import operator
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import fx

from qdsl.fx import operations
from qdsl.fx.emission import DTYPES, Emission
from qdsl.ir import op

UNARY = {
    "silu": F.silu,
    "gelu": F.gelu,
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "sin": torch.sin,
    "cos": torch.cos,
    "neg": torch.neg,
    "not": torch.logical_not,
    "abs": torch.abs,
}

# operators, not functions of torch: either side may be a number
BINARY = {
    "add": operator.add,
    "sub": operator.sub,
    "mul": operator.mul,
    "div": operator.truediv,
    "floordiv": operator.floordiv,
    "mod": operator.mod,
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "and": operator.and_,
    "or": operator.or_,
}

REDUCE = {"sum": torch.sum, "mean": torch.mean, "max": torch.amax}


def elementwise(
    to: Emission, operation: op.Unary | op.Binary | op.Where | op.Cast, inputs: tuple[int, ...]
) -> fx.Node:
    match operation:
        case op.Unary(function):
            return to.call(UNARY[function], to.tensor(inputs[0]))
        case op.Binary(function):
            a, b = inputs
            # one side at least is a tensor, or the result would be a number of Python
            number = not isinstance(to.operands[b], fx.Node)
            left = to.tensor(a) if number else to.operands[a]
            return to.call(BINARY[function], left, to.operands[b])
        case op.Where():
            condition, a, b = inputs
            return to.call(torch.where, to.tensor(condition), to.operands[a], to.operands[b])
        case op.Cast(dtype):
            return to.method("to", to.tensor(inputs[0]), DTYPES[dtype])
        case _:
            assert_never(operation)


def reduction(
    to: Emission,
    operation: op.LogSoftmax | op.Glu | op.Reduce | op.Pool,
    inputs: tuple[int, ...],
) -> fx.Node:
    x = to.tensor(inputs[0])
    match operation:
        case op.LogSoftmax(axis):
            return to.call(torch.log_softmax, x, axis)
        case op.Glu(axis):
            return to.call(F.glu, x, axis)
        case op.Reduce(function, axis, keep):
            return to.call(REDUCE[function], x, axis, keep)
        case op.Pool(function, axis, size, stride):
            return to.call(operations.pool, x, function, axis, size, stride)
        case _:
            assert_never(operation)
