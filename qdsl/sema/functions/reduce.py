"""Defines reductions, softmax and products."""

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.sema.functions.function import TensorFunction
from qdsl.sema.functions.operand import axis_of


def sum_(b: Builder, x: Value, axis: int, keep: bool = False) -> Value:
    """Sum over an axis, which goes unless `keep`."""
    return b.emit(op.Reduce("sum", axis_of(x, axis), keep), x)


def mean(b: Builder, x: Value, axis: int, keep: bool = False) -> Value:
    """Mean over an axis, which goes unless `keep`."""
    return b.emit(op.Reduce("mean", axis_of(x, axis), keep), x)


def max_(b: Builder, x: Value, axis: int, keep: bool = False) -> Value:
    """Largest element of an axis, which goes unless `keep`."""
    return b.emit(op.Reduce("max", axis_of(x, axis), keep), x)


def softmax(b: Builder, x: Value, axis: int = -1) -> Value:
    """exp(x) over its sum along an axis."""
    return b.emit(op.Softmax(axis_of(x, axis)), x)


def log_softmax(b: Builder, x: Value, axis: int = -1) -> Value:
    """Logarithm of softmax."""
    return b.emit(op.LogSoftmax(axis_of(x, axis)), x)


def einsum(b: Builder, left: Value, right: Value, equation: str) -> Value:
    """Product of two tensors by an equation of letters: `"bthd,bshd->bhts"`."""
    return b.emit(op.Einsum(equation.replace(" ", "")), left, right)


FUNCTIONS = (
    TensorFunction(sum_, "f32 or i64", "the axis goes, or is 1 with `keep`"),
    TensorFunction(mean, "f32", "the axis goes, or is 1 with `keep`"),
    TensorFunction(max_, "f32 or i64", "the axis goes, or is 1 with `keep`"),
    TensorFunction(softmax, "f32", "kept"),
    TensorFunction(log_softmax, "f32", "kept"),
    TensorFunction(einsum, "f32", "by the equation, letters only"),
)
