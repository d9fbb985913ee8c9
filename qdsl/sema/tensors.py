"""Evaluates operations on tensors: arithmetic, comparison, subscripts."""

from qdsl.ir import op
from qdsl.ir.builder import Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim
from qdsl.sema.describe import shape_message
from qdsl.sema.elaborate import FunctionFrame
from qdsl.sema.functions.operand import operand
from qdsl.sema.members import MemberEvaluator
from qdsl.sema.subscripts import index_tensor
from qdsl.sema.values import Unit, Val
from qdsl.source import Span
from qdsl.syntax import tree

OPERATORS = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "/": "div",
    "//": "floordiv",
    "%": "mod",
    "==": "eq",
    "!=": "ne",
    "<": "lt",
    "<=": "le",
    ">": "gt",
    ">=": "ge",
    "and": "and",
    "or": "or",
}


class TensorEvaluator(MemberEvaluator):
    """Emits each operation into the frame's builder."""

    def __init__(self, frame: FunctionFrame) -> None:
        context = frame.elaborator.context
        super().__init__(context, frame.scope, frame.unit.names, self._no_instances)
        self.frame = frame

    def element(self, value: Val, e: tree.Subscript) -> Val:
        return (
            index_tensor(self, value, e) if isinstance(value, Value) else super().element(value, e)
        )

    def tensor_operation(self, operator: str, operands: tuple[Val, ...], span: Span) -> Val:
        if operator in ("neg", "not"):
            return self.emit(span, op.Unary(operator), *operands, name=operator)
        left, right = operands
        for side in operands:
            if not isinstance(side, Value | int | float | Dim):
                raise self.expected("a tensor, a number or a dim beside a tensor", side, span)
        b = self.frame.builder
        b.span = span
        try:
            pair = operand(b, left, right), operand(b, right, left)  # type: ignore[arg-type]
        except ShapeError as wrong:
            raise self.context.stop("Q210", shape_message(operator, wrong), span) from None
        return self.emit(span, op.Binary(OPERATORS[operator]), *pair, name=operator)

    def emit(
        self,
        span: Span,
        operation: op.Op,
        *inputs: Val,
        parameters: tuple[str, ...] = (),
        name: str = "",
    ) -> Value:
        """One operation; a shape error is reported at `span`."""
        b = self.frame.builder
        b.span = span
        try:
            return b.emit(operation, *inputs, parameters=parameters)  # type: ignore[arg-type]
        except ShapeError as wrong:
            raise self.context.stop("Q210", shape_message(name, wrong), span) from None

    def _no_instances(self, callee: object, call: tree.Call, evaluator: object) -> Unit:
        message = f"`{call.callee.span.text}` is made inside a function"
        help = "make it a member of the block, and call the member"
        raise self.context.stop("Q214", message, call.span, help=help)
