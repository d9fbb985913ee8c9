"""Makes tensors of the numbers that stand beside tensors, and axes of negative axes."""

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim

Number = int | float | bool
Operand = Value | int | float | bool


def operand(b: Builder, x: Operand | Dim, beside: Operand | Dim) -> Value:
    """`x` as a tensor; a number or a dim takes the dtype of the tensor beside it."""
    if isinstance(x, Value):
        return x
    if isinstance(x, Dim):
        size = b.emit(op.Scalar(x))
        is_float = isinstance(beside, Value) and beside.type.dtype == "f32"
        return b.emit(op.Cast("f32"), size) if is_float else size
    if isinstance(beside, Value) and not isinstance(x, bool):
        if beside.type.dtype == "f32":
            x = float(x)
        elif beside.type.dtype == "i64" and isinstance(x, float):
            raise ShapeError(f"mixes i64 and {x}: `cast` one of them")
    return b.emit(op.Scalar(x))


def axis_of(x: Value, axis: int, new: bool = False) -> int:
    """The axis counted from the front; `new` where it may stand behind the last."""
    rank = len(x.type.shape) + new
    if not -rank <= axis < rank:
        raise ShapeError(f"axis {axis} is outside {x.type}")
    return axis % rank
