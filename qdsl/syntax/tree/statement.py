"""Defines types of tensors, and the statements of functions."""

from qdsl.record import record
from qdsl.source import Span
from qdsl.syntax.tree.expression import Expr, Name, Slice
from qdsl.syntax.tree.span import span


@record
class TensorType:
    """`f32[B, T, 80]`; a bare `f32` or `i64[]` has no dims."""

    dtype: Name
    dims: tuple[Expr, ...]
    span: Span = span()


@record
class ArrayType:
    """`[T; n]`: an array of n values of type T."""

    element: "Type"
    count: Expr
    span: Span = span()


Type = TensorType | ArrayType


@record
class Assign:
    """`a, _ = value`; `_` discards."""

    targets: tuple[Name, ...]
    value: Expr
    span: Span = span()


@record
class For:
    """`for i in a..b { body }`."""

    index: Name
    range: Slice
    body: tuple["Statement", ...]
    span: Span = span()


@record
class Return:
    values: tuple[Expr, ...]
    span: Span = span()


Statement = Assign | For | Return
