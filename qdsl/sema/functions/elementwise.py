"""Defines the elementwise functions."""

import math

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim
from qdsl.sema.functions.function import TensorFunction
from qdsl.sema.functions.operand import Operand, axis_of, operand

DTYPES = ("f32", "i64", "bool")


def silu(b: Builder, x: Value) -> Value:
    """x · sigmoid(x) (swish)."""
    return b.emit(op.Unary("silu"), x)


def gelu(b: Builder, x: Value) -> Value:
    """x · Φ(x) with the exact normal distribution function."""
    return b.emit(op.Unary("gelu"), x)


def relu(b: Builder, x: Value) -> Value:
    """max(x, 0)."""
    return b.emit(op.Unary("relu"), x)


def tanh(b: Builder, x: Value) -> Value:
    """Hyperbolic tangent."""
    return b.emit(op.Unary("tanh"), x)


def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return b.emit(op.Unary("sigmoid"), x)


def exp(b: Builder, x: Value) -> Value:
    """e to the x."""
    return b.emit(op.Unary("exp"), x)


def log(b: Builder, x: Value) -> Value:
    """Natural logarithm."""
    return b.emit(op.Unary("log"), x)


def sqrt(b: Builder, x: Operand) -> Operand:
    """Square root; of a number, a number."""
    if isinstance(x, Value):
        return b.emit(op.Unary("sqrt"), x)
    if x < 0:
        raise ShapeError(f"takes numbers from 0, given {x}")
    return math.sqrt(x)


def sin(b: Builder, x: Value) -> Value:
    """Sine of radians."""
    return b.emit(op.Unary("sin"), x)


def cos(b: Builder, x: Value) -> Value:
    """Cosine of radians."""
    return b.emit(op.Unary("cos"), x)


def abs_(b: Builder, x: Value) -> Value:
    """|x|."""
    return b.emit(op.Unary("abs"), x)


def glu(b: Builder, x: Value, axis: int = -1) -> Value:
    """First half of the axis times the sigmoid of the second half (arXiv 1612.08083)."""
    return b.emit(op.Glu(axis_of(x, axis)), x)


def where(b: Builder, condition: Value, a: Operand, other: Operand) -> Value:
    """a where the condition (bool) holds, else other; broadcasts."""
    left, right = operand(b, a, other), operand(b, other, a)
    return b.emit(op.Where(), condition, left, right)


def cast(b: Builder, x: Value, dtype: str) -> Value:
    """The tensor as f32, i64 or bool."""
    if dtype not in DTYPES:
        raise ShapeError(f"casts to f32, i64 or bool, not `{dtype}`")
    return b.emit(op.Cast(dtype), x)


def zeros(b: Builder, *shape: Dim) -> Value:
    """f32 zeros of that shape."""
    return b.emit(op.Full(tuple(shape), 0.0, "f32"))


def full(b: Builder, value: float, *shape: Dim) -> Value:
    """An f32 tensor of one value."""
    return b.emit(op.Full(tuple(shape), float(value), "f32"))


def range_(b: Builder, length: Dim) -> Value:
    """0 … length - 1 as i64[length]."""
    return b.emit(op.Range(length))


def dropout(b: Builder, x: Value, p: float) -> Value:
    """Zeros at random while training; absent from the packed graph."""
    if not 0 <= p < 1:
        raise ShapeError(f"p is {p}, must be in 0..1")
    return b.emit(op.Dropout(p), x)


FUNCTIONS = (
    TensorFunction(silu, "f32", "kept"),
    TensorFunction(gelu, "f32", "kept"),
    TensorFunction(relu, "f32", "kept"),
    TensorFunction(tanh, "f32", "kept"),
    TensorFunction(sigmoid, "f32", "kept"),
    TensorFunction(exp, "f32", "kept"),
    TensorFunction(log, "f32", "kept"),
    TensorFunction(sqrt, "f32; of a number, a number", "kept"),
    TensorFunction(sin, "f32", "kept"),
    TensorFunction(cos, "f32", "kept"),
    TensorFunction(abs_, "f32 or i64", "kept"),
    TensorFunction(glu, "f32", "[.., 2n, ..] → [.., n, ..]"),
    TensorFunction(where, "bool, then both the same", "broadcast"),
    TensorFunction(cast, "any → f32, i64 or bool", "kept"),
    TensorFunction(zeros, "f32", "[shape, …]"),
    TensorFunction(full, "f32", "[shape, …]"),
    TensorFunction(range_, "i64", "[length]"),
    TensorFunction(dropout, "f32", "kept; gone when packed"),
)
