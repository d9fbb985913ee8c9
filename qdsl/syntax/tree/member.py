"""Defines what stands in a block."""

from dataclasses import field

from qdsl.record import record
from qdsl.source import Span
from qdsl.syntax.tree.expression import Expr, Name
from qdsl.syntax.tree.span import span
from qdsl.syntax.tree.statement import Statement, TensorType, Type


@record
class Member:
    """`name = Layer(…)`, `name = repeat n { … }`, `name = if c { … } else { none }`."""

    name: Name
    value: Expr
    doc: str = field(compare=False)
    span: Span = span()


@record
class Const:
    """`const name = expression`, in a file or a block."""

    name: Name
    value: Expr
    doc: str = field(compare=False)
    span: Span = span()


@record
class ParameterMember:
    """`parameter name: f32[shape] = init`."""

    name: Name
    type: TensorType
    init: Expr
    doc: str = field(compare=False)
    span: Span = span()


@record
class Tie:
    """`tie alias = owner`: two paths of weights."""

    alias: Expr
    owner: Expr
    span: Span = span()


@record
class Input:
    """An input of a function; `default` is `none` (fn) or `zeros` (entry state) or absent."""

    name: Name
    type: Type
    default: Expr | None
    span: Span = span()


@record
class Function:
    """`forward(…) -> … { … }`, `fn name(…)`, `entry name(…)`; `results` None: inferred."""

    kind: str  # forward, fn, entry
    name: Name
    inputs: tuple[Input, ...]
    results: tuple[Type, ...] | None
    body: tuple[Statement, ...]
    doc: str = field(compare=False)
    span: Span = span()


BlockMember = Member | Const | ParameterMember | Tie | Function
