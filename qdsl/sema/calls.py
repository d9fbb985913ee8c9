"""Applies functions of the table: `softmax(x, axis = -1)`, `transpose(…)`, `len(S, lengths)`."""

from collections.abc import Mapping
from functools import cache
from inspect import Parameter
from typing import TYPE_CHECKING

from qdsl.ir import op
from qdsl.ir.builder import Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim, dim
from qdsl.sema.arguments import check_order
from qdsl.sema.context import Context
from qdsl.sema.describe import describe, shape_message
from qdsl.sema.dims import formula
from qdsl.sema.functions import table
from qdsl.sema.functions.arrange import permuted
from qdsl.sema.functions.function import parameter_text
from qdsl.sema.functions.operand import Operand
from qdsl.sema.habits import unknown_parameter_help, whole_division_help
from qdsl.sema.language import DTYPES
from qdsl.sema.values import Val
from qdsl.source import Span
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.body import FunctionEvaluator

SHAPED = ("reshape", "expand", "zeros")  # they end with a shape
Placed = tuple[Val, Span]
WORDS = {Value: "a tensor", Dim: "an integer or a dim", int: "an integer", bool: "true or false"}


def apply_function(
    evaluator: "FunctionEvaluator", name: str, e: tree.Call, first: tuple[Val, ...]
) -> Val:
    """A call of a function of tensors; reports arguments it does not take."""
    for argument in e.arguments:
        if argument.each:
            message = "`each` without a `repeat`"
            raise evaluator.context.stop("Q209", message, argument.span)
    match name:
        case "transpose":
            return _transpose(evaluator, e, first)
        case "len":
            return _length(evaluator, e, first)
        case _:
            return _apply(evaluator, name, e, first)


def _apply(evaluator: "FunctionEvaluator", name: str, e: tree.Call, first: tuple[Val, ...]) -> Val:
    given = [(v, e.callee.span) for v in first]
    named: dict[str, Placed] = {}
    for argument in e.arguments:
        value = _argument(evaluator, argument.value)
        if argument.name is None:
            check_order(named, argument, evaluator.context)
            # an array stands for its elements: `cat([a, b], axis = 1)`
            values = value if isinstance(value, tuple) else (value,)
            given += [(v, argument.span) for v in values]
        else:
            named[argument.name.text] = (value, argument.name.span)
    positional, keywords = _match(evaluator, name, given, named, e.span)
    b = evaluator.frame.builder
    b.span = e.span
    try:
        return table()[name].apply(b, *positional, **keywords)  # type: ignore[return-value]
    except ShapeError as wrong:
        sizes = (v for v, _ in given if isinstance(v, int | Dim))
        is_left_open = name in SHAPED and any(v == -1 for v in sizes)
        help = "there is no -1: write the size" if is_left_open else None
        message = shape_message(name, wrong)
        raise evaluator.context.stop("Q210", message, e.span, help=help) from None


def _argument(evaluator: "FunctionEvaluator", e: tree.Expr) -> Val:
    """Words for dtypes (`cast(x, f32)`) are words."""
    if isinstance(e, tree.Name) and e.text in DTYPES and e.text not in evaluator.locals:
        return e.text
    return evaluator.value(e)


def _match(
    evaluator: "FunctionEvaluator",
    name: str,
    given: list[Placed],
    named: dict[str, Placed],
    call: Span,
) -> tuple[list[object], dict[str, object]]:
    """The arguments as the function's annotations want them."""
    context, taken = evaluator.context, 0
    positional: list[object] = []
    keywords: dict[str, object] = {}
    for parameter in _parameters(name):
        if parameter.kind is Parameter.VAR_POSITIONAL:
            positional += [_coerced(evaluator, parameter, placed) for placed in given[taken:]]
            taken = len(given)
        elif taken < len(given) and parameter.kind is not Parameter.KEYWORD_ONLY:
            positional.append(_coerced(evaluator, parameter, given[taken]))
            taken += 1
        elif parameter.name in named:
            placed = named.pop(parameter.name)
            keywords[parameter.name] = _coerced(evaluator, parameter, placed)
        elif parameter.default is Parameter.empty:
            _report_unknown(name, named, context)
            message = f"`{name}` is missing `{parameter.name}`"
            raise context.stop("Q205", message, call, help=_usage(name))
    if taken < len(given):
        message = f"too many arguments for `{name}`"
        raise context.stop("Q205", message, given[taken][1], help=_usage(name))
    _report_unknown(name, named, context)
    for key, (_, span) in named.items():
        raise context.stop("Q205", f"`{key}` is given twice", span)
    return positional, keywords


def _report_unknown(function: str, named: Mapping[str, Placed], context: Context) -> None:
    """Reports the first name that the function has no parameter for."""
    known = [p.name for p in _parameters(function)]
    for name, (_, span) in named.items():
        if name not in known:
            message = f"`{function}` has no parameter `{name}`"
            help = unknown_parameter_help(name, known)
            raise context.stop("Q204", message, span, "unknown", help=help)


def _coerced(evaluator: "FunctionEvaluator", parameter: Parameter, placed: Placed) -> object:
    """The value as the annotation wants it; reports Q201."""
    wanted, (value, span) = parameter.annotation, placed
    number = isinstance(value, int | float) and not isinstance(value, bool)
    match wanted:
        case _ if wanted is Value and isinstance(value, Value):
            return value
        case _ if wanted == Operand and (isinstance(value, Value) or number):
            return value
        case _ if wanted is Dim and isinstance(value, Dim | int) and not isinstance(value, bool):
            return dim(value)
        case _ if wanted is float and number:
            return float(value)  # type: ignore[arg-type]
        case _ if wanted in (int, bool, str) and type(value) is wanted:
            return value
    message = f"expected {WORDS.get(wanted, 'a number or a tensor')}, found {describe(value)}"
    help = whole_division_help(value, span.text) if wanted in (int, Dim) else None
    raise evaluator.context.stop("Q201", message, span, help=help)


@cache
def _parameters(name: str) -> tuple[Parameter, ...]:
    return table()[name].parameters


def _usage(name: str) -> str:
    return f"`{name}({', '.join(map(parameter_text, _parameters(name)))})`"


def _transpose(evaluator: "FunctionEvaluator", e: tree.Call, first: tuple[Val, ...]) -> Val:
    """`transpose(x, B, T, d -> B, d, T)`: axes are named, then reordered."""
    arguments = [a.value for a in e.arguments]
    help = "as in `transpose(x, B, T, d -> B, d, T)`"
    if not first and arguments:
        first, arguments = (evaluator.value(arguments[0]),), arguments[1:]
    arrows = [a for a in arguments if isinstance(a, tree.Arrow)]
    if not first or len(arrows) != 1 or any(a.name for a in e.arguments):
        message = "`transpose` takes a tensor and its axes, before and after one `->`"
        raise evaluator.context.stop("Q205", message, e.span, help=help)
    x, turn = first[0], arguments.index(arrows[0])
    if not isinstance(x, Value):
        raise evaluator.expected("a tensor", x, e.span)
    before = [*arguments[:turn], arrows[0].left]
    after = [arrows[0].right, *arguments[turn + 1 :]]
    b = evaluator.frame.builder
    b.span = e.span
    try:
        return permuted(b, x, _words(before), _words(after))
    except ShapeError as wrong:
        message = shape_message("transpose", wrong)
        raise evaluator.context.stop("Q210", message, e.span) from None


def _words(expressions: list[tree.Expr]) -> tuple[str, ...]:
    return tuple(e.span.text for e in expressions)


def _length(evaluator: "FunctionEvaluator", e: tree.Call, first: tuple[Val, ...]) -> Val:
    """`len(S, lengths)`: the formula that made S, applied to the lengths."""
    arguments = [a.value for a in e.arguments if a.name is None]
    help = "as in `len(S, lengths)`: a dim, and lengths as i64"
    if first or len(e.arguments) != 2 or not arguments or not isinstance(arguments[0], tree.Name):
        raise evaluator.context.stop("Q205", "`len` takes a dim and lengths", e.span, help=help)
    if len(arguments) != 2:
        raise evaluator.context.stop("Q205", "`len` takes a dim and lengths", e.span, help=help)
    lengths = evaluator.value(arguments[1])
    if not isinstance(lengths, Value):
        raise evaluator.expected("lengths, i64", lengths, arguments[1].span)
    found = formula(evaluator, arguments[0])
    names = found.names()
    if len(names) != 1:
        message = f"`{arguments[0].text}` is {found}, not a formula of one dim"
        help = "`len` applies a formula of one dim, such as T, to data"
        raise evaluator.context.stop("Q215", message, arguments[0].span, help=help)
    length = op.Length(found, next(iter(names)))
    return evaluator.emit(e.span, length, lengths, name="len")
