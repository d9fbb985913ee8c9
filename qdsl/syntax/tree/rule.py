"""Defines selectors, the rules of policies and the limits of budgets."""

from dataclasses import field

from qdsl.record import record
from qdsl.source import Span
from qdsl.syntax.tree.expression import Argument, Expr, Name
from qdsl.syntax.tree.span import span


@record
class IndexRange:
    """`a..b` in `[…]`, half-open, negative from the end; with `single`, `i` alone.

    A single index has `stop` = `start` + 1, and None where that would be 0.
    """

    start: int | None
    stop: int | None
    single: bool
    span: Span = span()


@record
class Segment:
    """One segment of a path.

    `globs` are the alternatives of its name, each a name in which `*` stands for any run of
    characters (`*` alone: any one segment); `("**",)` is zero or more segments. `indices` None: no
    brackets; empty: `[*]`.
    """

    globs: tuple[str, ...]
    indices: tuple[IndexRange, ...] | None
    span: Span = span()


@record
class Selector:
    """`encoder.blocks[0, -1].**:Linear`."""

    segments: tuple[Segment, ...]
    kind: Name | None
    span: Span = span()


@record
class Property:
    """`weights = int4(group = 64)`."""

    name: Name
    value: Expr
    span: Span = span()


@record
class Rule:
    """`[optional] selector { properties }`; `selector` None is `default`."""

    selector: Selector | None
    optional: bool
    properties: tuple[Property, ...]
    span: Span = span()


@record
class Quantity:
    """`12 MiB`, `5 x`, `4.5`; `unit` None where there is none, `text` the number as written."""

    value: float
    unit: str | None
    text: str = field(compare=False)
    span: Span = span()


@record
class Limit:
    """`size(sel) <= 12 MiB`, `ratio(*) >= 5 x over f32`, `macs(entry, B = 1) <= 10 G`."""

    measure: Name
    selector: Selector
    bindings: tuple[Argument, ...]
    comparison: str
    quantity: Quantity
    over: Name | None
    span: Span = span()
