"""Evaluates expressions; what names and calls mean is said by those who extend this."""

import re
from typing import assert_never

from qdsl.ir.builder import Value
from qdsl.ir.pattern import LARGEST_M, NM, Dense, Unstructured
from qdsl.ir.shape import Dim
from qdsl.sema.arithmetic import are_equal, compute
from qdsl.sema.context import Context, Stop
from qdsl.sema.describe import describe
from qdsl.sema.limits import MAX_ARRAY
from qdsl.sema.values import FormatValue, Static, Val
from qdsl.source import Span
from qdsl.syntax import tree


class Evaluator:
    """Values of expressions; `name` and `call` say what names and calls mean here."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def value(self, e: tree.Expr) -> Val:
        """The value; raises Stop after reporting an error."""
        self.context.tick(e.span)
        match e:
            case tree.Name():
                return self.name(e)
            case tree.Integer() | tree.Float() | tree.String() | tree.Boolean():
                return e.value
            case tree.NoneLiteral():
                return None
            case tree.Attribute() | tree.Call() | tree.Pipe() | tree.Subscript() | tree.If():
                return self._reached(e)
            case tree.Unary() | tree.Binary() | tree.IsNone():
                return self._operation(e)
            case tree.Array() | tree.Sparse() | tree.Arrow() | tree.Repeat():
                return self._special(e)
            case _:
                assert_never(e)

    def _reached(self, e: tree.Attribute | tree.Call | tree.Pipe | tree.Subscript | tree.If) -> Val:
        match e:
            case tree.Attribute():
                return self.attribute(e)
            case tree.Call():
                return self.call(e)
            case tree.Pipe():
                return self.pipe(e)
            case tree.Subscript():
                return self.subscript(e)
            case tree.If():
                return self.branch(e)
            case _:
                assert_never(e)

    def _special(self, e: tree.Array | tree.Sparse | tree.Arrow | tree.Repeat) -> Val:
        match e:
            case tree.Array():
                return self._array(e)
            case tree.Sparse():
                return self._sparse(e)
            case tree.Arrow():
                help = "`a -> b` stands directly in a call: `Linear(80 -> d)`"
                raise self.context.stop("Q201", "`->` outside a call", e.span, help=help)
            case tree.Repeat():
                help = "write `name = repeat n { … }` as a member of a block"
                raise self.context.stop(
                    "Q201", "`repeat` is not the value of a member", e.span, help=help
                )
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
        return self.element(self.value(e.value), e)

    def tensor_operation(self, operator: str, operands: tuple[Val, ...], span: Span) -> Val:
        raise self.context.stop("Q201", f"`{operator}` of tensors outside a function", span)

    # ---- shared ------------------------------------------------------------------------------

    def element(self, value: Val, e: tree.Subscript) -> Val:
        """`value[i]` of an array."""
        indices = [i for i in e.indices if not isinstance(i, tree.Slice | tree.Whole)]
        if not isinstance(value, tuple) or len(indices) != 1 or len(e.indices) != 1:
            message = f"{describe(value)} takes no such subscript"
            raise self.context.stop("Q201", message, e.span)
        index = self.integer(indices[0])
        if not -len(value) <= index < len(value):
            message = f"position {index} is outside {len(value)} elements"
            raise self.context.stop("Q202", message, indices[0].span)
        return value[index]

    def branch(self, e: tree.If) -> Val:
        branch = e.then if self.boolean(e.condition) else e.other
        if branch.statements:
            span = branch.statements[0].span
            raise self.context.stop("Q201", "statements stand only in functions", span)
        values = tuple(self.value(v) for v in branch.values)
        return values[0] if len(values) == 1 else values

    def integer(self, e: tree.Expr) -> int:
        value = self.value(e)
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self.expected("an integer known at compile time", value, e.span)

    def boolean(self, e: tree.Expr) -> bool:
        value = self.value(e)
        if isinstance(value, bool):
            return value
        raise self.expected("`true` or `false`, known at compile time", value, e.span)

    def expected(self, what: str, value: object, span: Span) -> Stop:
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
                raise self.expected("`true` or `false`", value, operand.span)
            case tree.Unary(operand=operand):
                return self._negated(self.value(operand), e)
            case tree.Binary(operator="and" | "or"):
                return self._logic(e)
            case tree.Binary():
                return self._arithmetic(e, self.value(e.left), self.value(e.right))
            case _:
                assert_never(e)

    def _negated(self, value: Val, e: tree.Unary) -> Val:
        match value:
            case Value():
                return self.tensor_operation("neg", (value,), e.span)
            case Dim():
                return value * -1
            case int() | float() if not isinstance(value, bool):
                return -value
            case _:
                raise self.expected("a number", value, e.operand.span)

    def _logic(self, e: tree.Binary) -> Val:
        left = self.value(e.left)
        if isinstance(left, Value):
            return self.tensor_operation(e.operator, (left, self.value(e.right)), e.span)
        if not isinstance(left, bool):
            raise self.expected("`true` or `false`", left, e.left.span)
        if left is (e.operator == "or"):
            return left
        right = self.value(e.right)
        if not isinstance(right, bool):
            raise self.expected("`true` or `false`", right, e.right.span)
        return right

    def _arithmetic(self, e: tree.Binary, left: Val, right: Val) -> Val:
        """Numbers and dims are computed, anything is compared; tensors are the subclass's."""
        if isinstance(left, Value) or isinstance(right, Value):
            return self.tensor_operation(e.operator, (left, right), e.span)
        if e.operator in ("==", "!="):
            equal = are_equal(left, right, e.span, self.context)  # type: ignore[arg-type]
            return equal is (e.operator == "==")
        for side, place in ((left, e.left), (right, e.right)):
            if isinstance(side, bool) or not isinstance(side, int | float | Dim):
                raise self.expected("a number", side, place.span)
        return compute(e.operator, left, right, e.span, self.context)  # type: ignore[arg-type]

    def _array(self, e: tree.Array) -> tuple[Val, ...]:
        values = tuple(self.value(x) for x in e.elements)
        if sum(map(_elements, values)) > MAX_ARRAY:
            raise self.context.stop("Q208", f"array of more than {MAX_ARRAY:,} elements", e.span)
        return values

    def _sparse(self, e: tree.Sparse) -> Static:
        value = self.value(e.value)
        if not isinstance(value, FormatValue):
            raise self.expected("a weight format before `sparse`", value, e.value.span)
        if not isinstance(value.pattern, Dense):
            message = f"format is already sparse {value.pattern}"
            raise self.context.stop("Q301", message, e.span)
        pattern = self._pattern(e)
        return FormatValue(value.family, value.options, value.flags, pattern, e.span)

    def _pattern(self, e: tree.Sparse) -> NM | Unstructured:
        match e.sparsity:
            case tree.Ratio(kept, group):
                if 0 < kept < group <= LARGEST_M:
                    return NM(kept, group)
                message = f"`{kept}:{group}` is not a sparsity pattern"
                help = f"N:M keeps N of every M weights, 0 < N < M <= {LARGEST_M}"
            case tree.Share(percent):
                if (millionths := _millionths(percent)) is not None:
                    return Unstructured(millionths)
                message = f"`{percent[:40]}%` is no share that is pruned"
                help = "more than 0% and less than 100%, at most four decimals"
            case _:
                assert_never(e.sparsity)
        raise self.context.stop("Q301", message, e.span, help=help)


def _millionths(percent: str) -> int | None:
    """`97.5` is 975,000; None for what is not between 0 and 100."""
    if not re.fullmatch(r"[0-9]{1,2}(\.[0-9]{1,4})?", percent):
        return None
    whole, _, rest = percent.partition(".")
    return int(whole + rest.ljust(4, "0")) or None


def _elements(value: Val) -> int:
    """Values in an array, and in its arrays."""
    return sum(map(_elements, value)) if isinstance(value, tuple) else 1
