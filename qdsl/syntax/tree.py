"""Defines the syntax tree: frozen values with spans, which compare without them."""

from dataclasses import field

from qdsl.record import record
from qdsl.source import Source, Span


def _span() -> Span:
    return field(compare=False, repr=False)  # type: ignore[no-any-return]


# ---- expressions -------------------------------------------------------------------------------


@record
class Integer:
    """`128`, `1_000`."""

    value: int
    span: Span = _span()


@record
class Float:
    """`0.5`, `1e-3`; `text` keeps the spelling."""

    value: float
    text: str = field(compare=False)
    span: Span = _span()


@record
class String:
    """`"…"`, value without quotes."""

    value: str
    span: Span = _span()


@record
class Boolean:
    value: bool
    span: Span = _span()


@record
class NoneLiteral:
    span: Span = _span()


@record
class Name:
    text: str
    span: Span = _span()


@record
class Attribute:
    """`value.name`."""

    value: "Expr"
    name: Name
    span: Span = _span()


@record
class Argument:
    """One argument of a call: positional when `name` is None; `each` marks `each c`."""

    name: Name | None
    value: "Expr"
    each: bool
    span: Span = _span()


@record
class Call:
    """`callee(arguments)`."""

    callee: "Expr"
    arguments: tuple[Argument, ...]
    span: Span = _span()


@record
class Arrow:
    """`a -> b` inside a call: in to out, or the turn of a transpose."""

    left: "Expr"
    right: "Expr"
    span: Span = _span()


@record
class Unary:
    """`-x`, `not x`."""

    operator: str
    operand: "Expr"
    span: Span = _span()


@record
class Binary:
    """`+ - * / // % == != < <= > >= and or`."""

    operator: str
    left: "Expr"
    right: "Expr"
    span: Span = _span()


@record
class IsNone:
    """`x is none`, `x is not none`."""

    operand: "Expr"
    negated: bool
    span: Span = _span()


@record
class Pipe:
    """`value |> call`: the value becomes the call's first argument."""

    value: "Expr"
    call: "Expr"
    span: Span = _span()


@record
class If:
    """`if condition { then } else { other }`, decided at compile time."""

    condition: "Expr"
    then: "Branch"
    other: "Branch"
    span: Span = _span()


@record
class Branch:
    """The body of an `if` expression: statements, then the values it yields."""

    statements: tuple["Statement", ...]
    values: tuple["Expr", ...]
    span: Span = _span()


@record
class Array:
    """`[a, b]`."""

    elements: tuple["Expr", ...]
    span: Span = _span()


@record
class Slice:
    """`a..b`, half-open, either end optional; also the range of a `for`."""

    start: "Expr | None"
    stop: "Expr | None"
    span: Span = _span()


@record
class Whole:
    """`:` in a subscript: the whole axis."""

    span: Span = _span()


@record
class Subscript:
    """`value[i, :, a..b, none]`; a subscript `none` inserts an axis."""

    value: "Expr"
    indices: tuple["Expr | Slice | Whole", ...]
    span: Span = _span()


@record
class Sparse:
    """`format sparse 2:4`; `value` is the weight format it stands behind."""

    value: "Expr"
    kept: int
    group: int
    span: Span = _span()


@record
class Repeat:
    """`repeat count [as index] { body }`, only as the value of a member."""

    count: "Expr"
    index: Name | None
    body: "Expr"
    span: Span = _span()


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

# ---- types -------------------------------------------------------------------------------------


@record
class TensorType:
    """`f32[B, T, 80]`; a bare `f32` or `i64[]` has no dims."""

    dtype: Name
    dims: tuple[Expr, ...]
    span: Span = _span()


@record
class ArrayType:
    """`[T; n]`: an array of n values of type T."""

    element: "Type"
    count: Expr
    span: Span = _span()


Type = TensorType | ArrayType

# ---- statements --------------------------------------------------------------------------------


@record
class Assign:
    """`a, _ = value`; `_` discards."""

    targets: tuple[Name, ...]
    value: Expr
    span: Span = _span()


@record
class For:
    """`for i in a..b { body }`."""

    index: Name
    range: Slice
    body: tuple["Statement", ...]
    span: Span = _span()


@record
class Return:
    values: tuple[Expr, ...]
    span: Span = _span()


Statement = Assign | For | Return

# ---- members of a block ------------------------------------------------------------------------


@record
class Member:
    """`name = Layer(…)`, `name = repeat n { … }`, `name = if c { … } else { none }`."""

    name: Name
    value: Expr
    doc: str = field(compare=False)
    span: Span = _span()


@record
class Const:
    """`const name = expression`, in a file or a block."""

    name: Name
    value: Expr
    doc: str = field(compare=False)
    span: Span = _span()


@record
class ParameterMember:
    """`parameter name: f32[shape] = init`."""

    name: Name
    type: TensorType
    init: Expr
    doc: str = field(compare=False)
    span: Span = _span()


@record
class Tie:
    """`tie alias = owner`: two paths of weights."""

    alias: Expr
    owner: Expr
    span: Span = _span()


@record
class Input:
    """An input of a function; `default` is `none` (fn) or `zeros` (entry state) or absent."""

    name: Name
    type: Type
    default: Expr | None
    span: Span = _span()


@record
class Function:
    """`forward(…) -> … { … }`, `fn name(…)`, `entry name(…)`; `results` None: inferred."""

    kind: str  # forward, fn, entry
    name: Name
    inputs: tuple[Input, ...]
    results: tuple[Type, ...] | None
    body: tuple[Statement, ...]
    doc: str = field(compare=False)
    span: Span = _span()


BlockMember = Member | Const | ParameterMember | Tie | Function

# ---- selectors, rules, budgets -----------------------------------------------------------------


@record
class IndexRange:
    """`a..b` in `[…]`, half-open, negative from the end; with `single`, `i` alone.

    A single index has `stop` = `start` + 1, and None where that would be 0.
    """

    start: int | None
    stop: int | None
    single: bool
    span: Span = _span()


@record
class Segment:
    """One segment of a path.

    `globs` are the alternatives of its name, each a name in which `*` stands for any run of
    characters (`*` alone: any one segment); `("**",)` is zero or more segments. `indices` None: no
    brackets; empty: `[*]`.
    """

    globs: tuple[str, ...]
    indices: tuple[IndexRange, ...] | None
    span: Span = _span()


@record
class Selector:
    """`encoder.blocks[0, -1].**:Linear`."""

    segments: tuple[Segment, ...]
    kind: Name | None
    span: Span = _span()


@record
class Property:
    """`weights = int4(group = 64)`."""

    name: Name
    value: Expr
    span: Span = _span()


@record
class Rule:
    """`[optional] selector { properties }`; `selector` None is `default`."""

    selector: Selector | None
    optional: bool
    properties: tuple[Property, ...]
    span: Span = _span()


@record
class Quantity:
    """`12 MiB`, `5 x`, `4.5`; `unit` None where there is none, `text` the number as written."""

    value: float
    unit: str | None
    text: str = field(compare=False)
    span: Span = _span()


@record
class Limit:
    """`size(sel) <= 12 MiB`, `ratio(*) >= 5 x over f32`, `macs(entry, B = 1) <= 10 G`."""

    measure: Name
    selector: Selector
    bindings: tuple[Argument, ...]
    comparison: str
    quantity: Quantity
    over: Name | None
    span: Span = _span()


# ---- items -------------------------------------------------------------------------------------


@record
class Import:
    """`import std.speech { A, B }`: `module` is the dotted path."""

    module: tuple[Name, ...]
    relative: int  # number of leading dots; 0: absolute (std)
    names: tuple[Name, ...]
    span: Span = _span()


@record
class Format:
    """`format w4 = int4(group = 128) sparse 2:4`."""

    name: Name
    value: Expr
    doc: str = field(compare=False)
    span: Span = _span()


@record
class Parameter:
    """`d: int = 256`; `type` is `int float bool str format block activation` or a list of one."""

    name: Name
    type: Name
    is_list: bool
    default: Expr | None
    span: Span = _span()


@record
class Block:
    """`block` and, with `is_model`, `model`."""

    name: Name
    is_model: bool
    parameters: tuple[Parameter, ...]
    where: tuple[Expr, ...]
    members: tuple[BlockMember, ...]
    doc: str = field(compare=False)
    span: Span = _span()


@record
class Policy:
    """`policy name [for Model] [extends base] { rules }`."""

    name: Name
    model: Name | None
    base: Name | None
    rules: tuple[Rule, ...]
    doc: str = field(compare=False)
    span: Span = _span()


@record
class Budget:
    name: Name
    limits: tuple[Limit, ...]
    doc: str = field(compare=False)
    span: Span = _span()


@record
class Setting:
    """`model = …`, `model.layers = 8` in a variant; `path` is the dotted left side."""

    path: tuple[Name, ...]
    value: Expr
    span: Span = _span()


@record
class PolicyAppend:
    """`policy += { rules }`."""

    rules: tuple[Rule, ...]
    span: Span = _span()


@record
class BudgetAppend:
    """`budget += { limits }`."""

    limits: tuple[Limit, ...]
    span: Span = _span()


@record
class Variant:
    name: Name
    base: Name | None
    settings: tuple[Setting | PolicyAppend | BudgetAppend, ...]
    doc: str = field(compare=False)
    span: Span = _span()


Item = Import | Const | Format | Block | Policy | Budget | Variant


@record
class Comment:
    """`# …` or `## …`, with its sign."""

    text: str
    own_line: bool
    span: Span = _span()


@record
class File:
    """A parsed file; after errors it holds the items that could be read."""

    edition: int
    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = field(compare=False)
    source: Source = field(compare=False, repr=False)
