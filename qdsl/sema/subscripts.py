"""Turns `x[:, a..b, none, -1]` into an index operation."""

from typing import TYPE_CHECKING

from qdsl.ir import op
from qdsl.ir.builder import Value
from qdsl.ir.shape import Dim, dim
from qdsl.sema.values import Val
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.tensors import TensorEvaluator


def index_tensor(evaluator: "TensorEvaluator", x: Value, e: tree.Subscript) -> Value:
    """The indexed tensor; reports subscripts it does not take."""
    subscripts = tuple(_subscript(evaluator, i) for i in e.indices)
    axes = sum(not isinstance(s, op.NewAxis) for s in subscripts)
    if axes > len(x.type.shape):
        message = f"{axes} subscripts for {x.type}"
        raise evaluator.context.stop("Q210", message, e.span)
    return evaluator.emit(e.span, op.Index(subscripts), x, name="subscript")


def _subscript(
    evaluator: "TensorEvaluator", e: tree.Expr | tree.Slice | tree.Whole
) -> op.Subscript:
    match e:
        case tree.Whole():
            return op.Keep()
        case tree.Slice(start=start, stop=stop):
            return op.Cut(_position(evaluator, start), _position(evaluator, stop))
        case tree.NoneLiteral():
            return op.NewAxis()
        case _:
            return op.At(_dim(evaluator, evaluator.value(e), e))


def _position(evaluator: "TensorEvaluator", e: tree.Expr | None) -> Dim | None:
    return None if e is None else _dim(evaluator, evaluator.value(e), e)


def _dim(evaluator: "TensorEvaluator", value: Val, e: tree.Expr) -> Dim:
    if isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool)):
        return dim(value)
    raise evaluator.expected("an integer or a dim", value, e.span)
