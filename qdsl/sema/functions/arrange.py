"""Defines the functions that move elements: concatenation, reshaping, windows, gathering."""

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim
from qdsl.sema.functions.function import TensorFunction
from qdsl.sema.functions.operand import axis_of


def cat(b: Builder, *tensors: Value, axis: int = -1) -> Value:
    """Joins tensors along an axis; the other axes are equal."""
    if not tensors:
        raise ShapeError("takes at least one tensor")
    return b.emit(op.Cat(axis_of(tensors[0], axis)), *tensors)


def stack(b: Builder, *tensors: Value, axis: int = 0) -> Value:
    """Joins equal shapes along a new axis."""
    if not tensors:
        raise ShapeError("takes at least one tensor")
    return b.emit(op.Stack(axis_of(tensors[0], axis, new=True)), *tensors)


def split(b: Builder, x: Value, parts: int, axis: int = -1) -> tuple[Value, ...]:
    """Cuts an axis into equal parts: an array of tensors."""
    axis = axis_of(x, axis)
    size = x.type.shape[axis]
    if parts < 1 or (size // parts) * parts != size:
        raise ShapeError(f"{parts} parts do not divide an axis of {size}")
    part = size // parts
    before = (op.Keep(),) * axis
    return tuple(
        b.emit(op.Index((*before, op.Cut(part * i, part * (i + 1)))), x) for i in range(parts)
    )


def reshape(b: Builder, x: Value, *shape: Dim) -> Value:
    """The same elements in another shape."""
    return b.emit(op.Reshape(tuple(shape)), x)


def expand(b: Builder, x: Value, *shape: Dim) -> Value:
    """Repeats axes of size 1 to that shape, without a copy."""
    return b.emit(op.Expand(tuple(shape)), x)


def pad(b: Builder, x: Value, axis: int, before: Dim, after: Dim, value: float = 0.0) -> Value:
    """Adds positions of a value before and after an axis."""
    return b.emit(op.Pad(axis_of(x, axis), before, after, float(value)), x)


def windows(b: Builder, x: Value, size: int, stride: int = 1, axis: int = 1) -> Value:
    """Frames of an axis: [.., T, ..] to [.., (T - size) // stride + 1, size, ..]."""
    _check_window(size, stride)
    return b.emit(op.Windows(axis_of(x, axis), size, stride), x)


def gather(b: Builder, x: Value, ids: Value, axis: int) -> Value:
    """Elements of x along the axis at ids (i64, same rank)."""
    if ids.type.dtype != "i64" or len(ids.type.shape) != len(x.type.shape):
        raise ShapeError(f"ids are i64 of the rank of {x.type}, not {ids.type}")
    return b.emit(op.Gather(axis_of(x, axis)), x, ids)


def index_update(b: Builder, x: Value, values: Value, position: Value, axis: int) -> Value:
    """x with values written along the axis from position (i64, shape []) on."""
    axis = axis_of(x, axis)
    before, after = x.type.shape[:axis], x.type.shape[axis + 1 :]
    same = values.type.shape[:axis] == before and values.type.shape[axis + 1 :] == after
    if values.type.dtype != x.type.dtype or not same:
        raise ShapeError(f"cannot write {values.type} into {x.type} along axis {axis}")
    if position.type.dtype != "i64" or position.type.shape:
        raise ShapeError(f"position is i64[], not {position.type}")
    return b.emit(op.IndexUpdate(axis), x, values, position)


def relative_shift(b: Builder, x: Value) -> Value:
    """[.., T, 2S - 1] scores by relative distance to [.., T, S] by position."""
    if len(x.type.shape) < 2:
        raise ShapeError(f"takes [.., T, 2S - 1], not {x.type}")
    return b.emit(op.RelativeShift(), x)


def max_pool(b: Builder, x: Value, size: int, stride: int = 0, axis: int = 1) -> Value:
    """Largest element of each window of the axis; stride is size where it is left out."""
    _check_window(size, stride or size)
    return b.emit(op.Pool("max", axis_of(x, axis), size, stride or size), x)


def mean_pool(b: Builder, x: Value, size: int, stride: int = 0, axis: int = 1) -> Value:
    """Mean of each window of the axis; stride is size where it is left out."""
    _check_window(size, stride or size)
    return b.emit(op.Pool("mean", axis_of(x, axis), size, stride or size), x)


def _check_window(size: int, stride: int) -> None:
    if size < 1 or stride < 1:
        raise ShapeError(f"size {size} and stride {stride} must be at least 1")


def permuted(b: Builder, x: Value, before: tuple[str, ...], after: tuple[str, ...]) -> Value:
    """`transpose(B, T, d -> B, d, T)`: axes named before, in the order after."""
    if len(before) != len(x.type.shape):
        raise ShapeError(f"names {len(before)} axes of {x.type}")
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise ShapeError("names each axis once on both sides of `->`")
    return b.emit(op.Transpose(tuple(before.index(n) for n in after)), x)


FUNCTIONS = (
    TensorFunction(cat, "all the same", "the axis is the sum"),
    TensorFunction(stack, "all the same", "a new axis"),
    TensorFunction(split, "any", "an array of equal parts"),
    TensorFunction(reshape, "any", "[shape, …], as many elements"),
    TensorFunction(expand, "any", "axes of size 1 repeated to [shape, …]"),
    TensorFunction(pad, "any", "that axis longer by before + after"),
    TensorFunction(windows, "any", "[.., T, ..] → [.., (T - size) // stride + 1, size, ..]"),
    TensorFunction(gather, "any; ids i64 of the same rank", "that of ids"),
    TensorFunction(index_update, "as x; position i64[]", "kept"),
    TensorFunction(relative_shift, "f32", "[.., T, 2S - 1] → [.., T, S]"),
    TensorFunction(max_pool, "f32", "T → (T - size) // stride + 1"),
    TensorFunction(mean_pool, "f32", "T → (T - size) // stride + 1"),
)
