"""Defines the items of a file, and the file."""

from dataclasses import field

from qdsl.record import record
from qdsl.source import Source, Span
from qdsl.syntax.tree.expression import Expr, Name
from qdsl.syntax.tree.member import BlockMember, Const
from qdsl.syntax.tree.recipe import Recipe, Target
from qdsl.syntax.tree.rule import Limit, Rule
from qdsl.syntax.tree.span import span


@record
class Import:
    """`import std.speech { A, B }`: `module` is the dotted path."""

    module: tuple[Name, ...]
    relative: int  # number of leading dots; 0: absolute (std)
    names: tuple[Name, ...]
    span: Span = span()


@record
class Format:
    """`format w4 = int4(group = 128) sparse 2:4`."""

    name: Name
    value: Expr
    doc: str = field(compare=False)
    span: Span = span()


@record
class Parameter:
    """`d: int = 256`; `type` is `int float bool str format block activation` or a list of one."""

    name: Name
    type: Name
    is_list: bool
    default: Expr | None
    span: Span = span()


@record
class Block:
    """`block` and, with `is_model`, `model`."""

    name: Name
    is_model: bool
    parameters: tuple[Parameter, ...]
    where: tuple[Expr, ...]
    members: tuple[BlockMember, ...]
    doc: str = field(compare=False)
    span: Span = span()


@record
class Policy:
    """`policy name [for Model] [extends base] { rules }`."""

    name: Name
    model: Name | None
    base: Name | None
    rules: tuple[Rule, ...]
    doc: str = field(compare=False)
    span: Span = span()


@record
class Budget:
    name: Name
    limits: tuple[Limit, ...]
    doc: str = field(compare=False)
    span: Span = span()


@record
class Setting:
    """`model = …`, `model.layers = 8` in a variant; `path` is the dotted left side."""

    path: tuple[Name, ...]
    value: Expr
    span: Span = span()


@record
class PolicyAppend:
    """`policy += { rules }`."""

    rules: tuple[Rule, ...]
    span: Span = span()


@record
class BudgetAppend:
    """`budget += { limits }`."""

    limits: tuple[Limit, ...]
    span: Span = span()


@record
class Variant:
    name: Name
    base: Name | None
    settings: tuple[Setting | PolicyAppend | BudgetAppend, ...]
    doc: str = field(compare=False)
    span: Span = span()


Item = Import | Const | Format | Block | Policy | Budget | Recipe | Target | Variant


@record
class Comment:
    """`# …` or `## …`, with its sign."""

    text: str
    own_line: bool
    span: Span = span()


@record
class File:
    """A parsed file; after errors it holds the items that could be read."""

    edition: int
    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = field(compare=False)
    source: Source = field(compare=False, repr=False)
