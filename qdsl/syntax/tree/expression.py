"""Defines expressions."""

from dataclasses import field
from typing import TYPE_CHECKING

from qdsl.record import record
from qdsl.source import Span
from qdsl.syntax.tree.span import span

if TYPE_CHECKING:
    from qdsl.syntax.tree.statement import Statement


@record
class Integer:
    """`128`, `1_000`; `text` keeps the spelling."""

    value: int
    text: str = field(compare=False)
    span: Span = span()


@record
class Float:
    """`0.5`, `1e-3`; `text` keeps the spelling."""

    value: float
    text: str = field(compare=False)
    span: Span = span()


@record
class String:
    """`"…"`, value without quotes."""

    value: str
    span: Span = span()


@record
class Boolean:
    value: bool
    span: Span = span()


@record
class NoneLiteral:
    span: Span = span()


@record
class Name:
    text: str
    span: Span = span()


@record
class Attribute:
    """`value.name`."""

    value: "Expr"
    name: Name
    span: Span = span()


@record
class Argument:
    """One argument of a call: positional when `name` is None; `each` marks `each c`."""

    name: Name | None
    value: "Expr"
    each: bool
    span: Span = span()


@record
class Call:
    """`callee(arguments)`."""

    callee: "Expr"
    arguments: tuple[Argument, ...]
    span: Span = span()


@record
class Arrow:
    """`a -> b` inside a call: in to out, or the turn of a transpose."""

    left: "Expr"
    right: "Expr"
    span: Span = span()


@record
class Unary:
    """`-x`, `not x`."""

    operator: str
    operand: "Expr"
    span: Span = span()


@record
class Binary:
    """`+ - * / // % == != < <= > >= and or`."""

    operator: str
    left: "Expr"
    right: "Expr"
    span: Span = span()


@record
class IsNone:
    """`x is none`, `x is not none`."""

    operand: "Expr"
    negated: bool
    span: Span = span()


@record
class Pipe:
    """`value |> call`: the value becomes the call's first argument."""

    value: "Expr"
    call: "Expr"
    span: Span = span()


@record
class If:
    """`if condition { then } else { other }`, decided at compile time."""

    condition: "Expr"
    then: "Branch"
    other: "Branch"
    span: Span = span()


@record
class Branch:
    """The body of an `if` expression: statements, then the values it yields."""

    statements: tuple["Statement", ...]
    values: tuple["Expr", ...]
    span: Span = span()


@record
class Array:
    """`[a, b]`."""

    elements: tuple["Expr", ...]
    span: Span = span()


@record
class Slice:
    """`a..b`, half-open, either end optional; also the range of a `for`."""

    start: "Expr | None"
    stop: "Expr | None"
    span: Span = span()


@record
class Whole:
    """`:` in a subscript: the whole axis."""

    span: Span = span()


@record
class Subscript:
    """`value[i, :, a..b, none]`; a subscript `none` inserts an axis."""

    value: "Expr"
    indices: tuple["Expr | Slice | Whole", ...]
    span: Span = span()


@record
class Ratio:
    """`2:4`: of every `group`, `kept` are kept."""

    kept: int
    group: int
    span: Span = span()


@record
class Share:
    """`90%`: that many of all are pruned; `percent` as it is written, without the sign."""

    percent: str
    span: Span = span()


@record
class Sparse:
    """`format sparse 2:4`, `format sparse 90%`; `value` is the format it stands behind."""

    value: "Expr"
    sparsity: Ratio | Share
    span: Span = span()


@record
class Repeat:
    """`repeat count [as index] { body }`, only as the value of a member."""

    count: "Expr"
    index: Name | None
    body: "Expr"
    span: Span = span()


Expr = (
    Integer
    | Float
    | String
    | Boolean
    | NoneLiteral
    | Name
    | Attribute
    | Call
    | Arrow
    | Unary
    | Binary
    | IsNone
    | Pipe
    | If
    | Array
    | Subscript
    | Sparse
    | Repeat
)
