"""Lowers what makes, takes and arranges tensors, with sizes known at run time."""

import operator
from typing import assert_never

import torch
from torch import fx

from qdsl.fx import operations
from qdsl.fx.emission import DTYPES, Emission, Operand
from qdsl.ir import op
from qdsl.ir.shape import Dim

PYTHON: dict[str, type[float] | type[int] | type[bool]] = {"f32": float, "i64": int, "bool": bool}


def source(
    to: Emission,
    operation: op.Scalar | op.Full | op.Range | op.Length,
    inputs: tuple[int, ...],
    dtype: str,
) -> Operand:
    match operation:
        case op.Scalar(value):
            if not isinstance(value, Dim):
                return PYTHON[dtype](value)
            return to.method("new_full", to.like, (), to.sizes.of(value), dtype=DTYPES["i64"])
        case op.Full(shape, value, kind):
            sizes = to.sizes.shape(shape)
            return to.method("new_full", to.like, sizes, value, dtype=DTYPES[kind])
        case op.Range(length):
            device = to.call(getattr, to.like, "device")
            return to.call(torch.arange, to.sizes.of(length), device=device)
        case op.Length(formula, variable):
            lengths = to.tensor(inputs[0])
            result = to.sizes.applied(formula, variable, lengths)
            if isinstance(result, fx.Node):
                return result
            return to.call(torch.full_like, lengths, result)
        case _:
            assert_never(operation)


def selection(
    to: Emission,
    operation: op.Index | op.Cat | op.Stack | op.Gather | op.IndexUpdate,
    inputs: tuple[int, ...],
) -> fx.Node:
    tensors = [to.tensor(i) for i in inputs]
    match operation:
        case op.Index(subscripts):
            index = tuple(_subscript(to, s) for s in subscripts)
            return to.call(operator.getitem, tensors[0], index)
        case op.Cat(axis):
            return to.call(torch.cat, tensors, axis)
        case op.Stack(axis):
            return to.call(torch.stack, tensors, axis)
        case op.Gather(axis):
            return to.call(torch.take_along_dim, *tensors, axis)
        case op.IndexUpdate(axis):
            return to.call(operations.index_update, *tensors, axis)
        case _:
            assert_never(operation)


def arrangement(
    to: Emission,
    operation: op.Reshape | op.Transpose | op.Expand | op.Pad | op.Windows | op.RelativeShift,
    x: fx.Node,
) -> fx.Node:
    match operation:
        case op.Reshape(shape):
            return to.method("reshape", x, to.sizes.shape(shape))
        case op.Transpose(permutation):
            return to.method("permute", x, permutation)
        case op.Expand(shape):
            return to.method("expand", x, to.sizes.shape(shape))
        case op.Pad(axis, before, after, value):
            amounts = to.sizes.shape((before, after))
            return to.call(operations.pad, x, axis, *amounts, value)
        case op.Windows(axis, size, stride):
            return to.call(operations.windows, x, axis, size, stride)
        case op.RelativeShift():
            return to.call(operations.relative_shift, x)
        case _:
            assert_never(operation)


def _subscript(to: Emission, subscript: op.Subscript) -> object:
    match subscript:
        case op.At(index):
            return to.sizes.of(index)
        case op.Cut(start, stop):
            begin = None if start is None else to.sizes.of(start)
            end = None if stop is None else to.sizes.of(stop)
            return slice(begin, end)
        case op.Keep():
            return slice(None)
        case op.NewAxis():
            return None
        case _:
            assert_never(subscript)
