"""Evaluates expressions at compile time; functions of tensors extend this in `elaborate`."""

from collections.abc import Callable
from operator import add, eq, ge, gt, le, lt, mod, mul, ne, sub, truediv
from typing import Any, assert_never

from qdsl.ir.builder import Value
from qdsl.ir.pattern import NM, Dense
from qdsl.ir.shape import Dim, dim
from qdsl.sema.context import Context, Stop
from qdsl.sema.values import FormatValue, Poison, Static, Val, describe
from qdsl.source import Span
from qdsl.syntax import tree

ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": truediv,
    "%": mod,
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}
INT_LIMIT = 1 << 62


class Evaluator:
    """Values of expressions; `name` and `call` say what names and calls mean here."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def value(self, e: tree.Expr) -> Val:
        """The value; raises Stop after reporting an error."""
        match e:
            case tree.Integer(value=v) | tree.Float(value=v) | tree.String(value=v):
                return v
            case tree.Boolean(value=v):
                return v
            case tree.NoneLiteral():
                return None
            case tree.Name():
                return self.name(e)
            case tree.Attribute():
                return self.attribute(e)
            case tree.Call():
                return self.call(e)
            case tree.Pipe():
                return self.pipe(e)
            case tree.Unary() | tree.Binary() | tree.IsNone():
                return self._operation(e)
            case tree.If():
                return self.branch(e)
            case tree.Array(elements=elements):
                return tuple(self.value(x) for x in elements)
            case tree.Subscript():
                return self.subscript(e)
            case tree.Sparse():
                return self._sparse(e)
            case tree.Arrow():
                help = "`a -> b` stands directly in a call: `Linear(80 -> d)`"
                raise self.context.stop("Q201", "`->` outside a call", e.span, help=help)
            case tree.Repeat():
                help = "write `name = repeat n { … }` as a member of a block"
                raise self.context.stop("Q201", "`repeat` is only a member's value", e.span, help=help)
            case _:
                assert_never(e)

    # ---- what a subclass gives meaning to ----------------------------------------------------

    def name(self, e: tree.Name) -> Val:
        raise NotImplementedError

    def call(self, e: tree.Call) -> Val:
        raise NotImplementedError

    def attribute(self, e: tree.Attribute) -> Val:
        value = self.value(e.value)
        what = describe(value)
        raise self.context.stop("Q201", f"{what} has no `{e.name.text}`", e.name.span)

    def pipe(self, e: tree.Pipe) -> Val:
        raise self.context.stop("Q201", "`|>` is for tensors, in functions", e.span)

    def subscript(self, e: tree.Subscript) -> Val:
        value = self.value(e.value)
        indices = [i for i in e.indices if not isinstance(i, tree.Slice | tree.Whole)]
        if not isinstance(value, tuple) or len(indices) != 1 or len(e.indices) != 1:
            message = f"{describe(value)} takes no such subscript"
            raise self.context.stop("Q201", message, e.span)
        index = self.integer(indices[0])
        if not -len(value) <= index < len(value):
            message = f"position {index} is outside {len(value)} elements"
            raise self.context.stop("Q202", message, indices[0].span)
        return value[index]

    def tensor_operation(self, operator: str, operands: tuple[Val, ...], span: Span) -> Val:
        raise self.context.stop("Q201", f"`{operator}` takes numbers here", span)

    # ---- shared ------------------------------------------------------------------------------

    def branch(self, e: tree.If) -> Val:
        condition = self.boolean(e.condition)
        branch = e.then if condition else e.other
        if branch.statements:
            raise self.context.stop("Q201", "statements stand only in functions", branch.span)
        values = tuple(self.value(v) for v in branch.values)
        return values[0] if len(values) == 1 else values

    def integer(self, e: tree.Expr) -> int:
        value = self.value(e)
        if isinstance(value, Dim) and (constant := value.constant) is not None:
            return constant
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.expected("an integer known at compile time", value, e.span)

    def boolean(self, e: tree.Expr) -> bool:
        value = self.value(e)
        if isinstance(value, bool):
            return value
        raise self.expected("true or false, known at compile time", value, e.span)

    def expected(self, what: str, value: object, span: Span) -> Stop:
        if isinstance(value, Poison):
            return Stop()
        return self.context.stop("Q201", f"expected {what}, found {describe(value)}", span)

    def _operation(self, e: tree.Unary | tree.Binary | tree.IsNone) -> Val:
        match e:
            case tree.IsNone(operand=operand, negated=negated):
                return (self.value(operand) is None) is not negated
            case tree.Unary(operator="not", operand=operand):
                value = self.value(operand)
                if isinstance(value, Value):
                    return self.tensor_operation("not", (value,), e.span)
                if isinstance(value, bool):
                    return not value
                raise self.expected("true or false", value, operand.span)
            case tree.Unary(operand=operand):
                return self._negated(self.value(operand), e.span)
            case tree.Binary(operator=("and" | "or") as operator):
                return self._logic(operator, e)
            case tree.Binary(operator=operator, left=left, right=right):
                return self.arithmetic(operator, self.value(left), self.value(right), e.span)
            case _:
                assert_never(e)

    def _negated(self, value: Val, span: Span) -> Val:
        match value:
            case Value():
                return self.tensor_operation("neg", (value,), span)
            case Dim():
                return value * -1
            case int() | float() if not isinstance(value, bool):
                return -value
            case _:
                raise self.expected("a number", value, span)

    def _logic(self, operator: str, e: tree.Binary) -> Val:
        left = self.value(e.left)
        if isinstance(left, Value):
            return self.tensor_operation(operator, (left, self.value(e.right)), e.span)
        if not isinstance(left, bool):
            raise self.expected("true or false", left, e.left.span)
        if left is (operator == "or"):
            return left
        return self.value(e.right)

    def arithmetic(self, operator: str, left: Val, right: Val, span: Span) -> Val:
        """`left operator right` for numbers, dims, strings; tensors by the subclass."""
        if isinstance(left, Value) or isinstance(right, Value):
            return self.tensor_operation(operator, (left, right), span)
        if operator in ("==", "!=") and not isinstance(left, Poison) and not isinstance(right, Poison):
            return (left == right) is (operator == "==")
        for side in (left, right):
            if isinstance(side, bool) or not isinstance(side, int | float | Dim):
                raise self.expected("a number", side, span)
        return self._number(operator, left, right, span)  # type: ignore[arg-type]

    def _number(self, operator: str, left: float | Dim, right: float | Dim, span: Span) -> Static:
        if operator in ("/", "//", "%") and right in (0, 0.0):
            raise self.context.stop("Q203", "division by zero", span)
        if isinstance(left, Dim) or isinstance(right, Dim):
            return self._dims(operator, left, right, span)
        if operator == "//":
            result: object = left // right
        else:
            result = ARITHMETIC[operator](left, right)
        if isinstance(result, int) and abs(result) > INT_LIMIT:
            raise self.context.stop("Q203", "integer is too large", span, help="the limit is 2^62")
        return result  # type: ignore[return-value]

    def _dims(self, operator: str, left: float | Dim, right: float | Dim, span: Span) -> Static:
        if isinstance(left, float) or isinstance(right, float):
            raise self.context.stop("Q201", "a dim takes integers", span)
        a, b = dim(left), dim(right)
        match operator:
            case "+":
                result = a + b
            case "-":
                result = a - b
            case "*":
                result = a * b
            case "//":
                result = a // b
            case _:
                message = f"`{operator}` of dims is not known at compile time"
                raise self.context.stop("Q201", message, span)
        constant = result.constant
        return result if constant is None else constant

    def _sparse(self, e: tree.Sparse) -> Val:
        value = self.value(e.value)
        if not isinstance(value, FormatValue):
            raise self.expected("a weight format before `sparse`", value, e.value.span)
        if not isinstance(value.pattern, Dense):
            raise self.context.stop("Q301", "format is already sparse", e.span)
        if not 0 < e.kept < e.group <= 256:
            message = f"`{e.kept}:{e.group}` is not a sparsity pattern"
            help = "N:M keeps N of every M weights, 0 < N < M <= 256"
            raise self.context.stop("Q301", message, e.span, help=help)
        pattern = NM(e.kept, e.group)
        return FormatValue(value.family, value.options, value.flags, pattern, e.span)
