"""Applies functions of the table: `softmax(x, axis = -1)`, `transpose(…)`, `len(S, lengths)`."""

from inspect import Parameter, signature
from typing import TYPE_CHECKING

from qdsl.ir import op
from qdsl.ir.builder import Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.shape import Dim, dim
from qdsl.sema.context import Stop
from qdsl.sema.functions import table
from qdsl.sema.functions.arrange import permuted
from qdsl.sema.functions.operand import Operand
from qdsl.sema.values import Poison, Val
from qdsl.source import Span
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.body import FunctionEvaluator


def apply_function(
    evaluator: "FunctionEvaluator", name: str, e: tree.Call, first: tuple[Val, ...]
) -> Val:
    """A call of a function of tensors; reports arguments it does not take."""
    apply, context = table()[name].apply, evaluator.context
    given = [(v, e.callee.span) for v in first]
    named: dict[str, tuple[Val, Span]] = {}
    for argument in e.arguments:
        value = _argument(evaluator, argument.value)
        if argument.name is None:
            # an array stands for its elements: `cat([a, b], axis = 1)`
            values = value if isinstance(value, tuple) else (value,)
            given += [(v, argument.span) for v in values]
        else:
            named[argument.name.text] = (value, argument.span)
    parameters = list(signature(apply).parameters.values())[1:]
    arguments = _match(evaluator, name, parameters, given, named, e.span)
    evaluator.frame.builder.span = e.span
    try:
        return apply(evaluator.frame.builder, *arguments[0], **arguments[1])  # type: ignore[return-value]
    except ShapeError as wrong:
        raise context.stop("Q210", f"`{name}` {wrong}", e.span) from None


def _argument(evaluator: "FunctionEvaluator", e: tree.Expr) -> Val:
    """Words for dtypes (`cast(x, f32)`) are words."""
    if isinstance(e, tree.Name) and e.text in ("f32", "i64", "bool"):
        return e.text
    return evaluator.value(e)


def _match(
    evaluator: "FunctionEvaluator",
    name: str,
    parameters: list[Parameter],
    given: list[tuple[Val, Span]],
    named: dict[str, tuple[Val, Span]],
    call: Span,
) -> tuple[list[object], dict[str, object]]:
    context = evaluator.context
    positional: list[object] = []
    keywords: dict[str, object] = {}
    for parameter in parameters:
        key = parameter.name
        if parameter.kind is Parameter.VAR_POSITIONAL:
            positional += [_coerced(evaluator, parameter, v, s) for v, s in given]
            given = []
        elif given and parameter.kind is not Parameter.KEYWORD_ONLY:
            value, span = given.pop(0)
            positional.append(_coerced(evaluator, parameter, value, span))
        elif key in named:
            value, span = named.pop(key)
            keywords[key] = _coerced(evaluator, parameter, value, span)
        elif parameter.default is Parameter.empty:
            raise context.stop("Q205", f"`{name}` is missing `{key}`", call, help=_usage(name))
    if given:
        raise context.stop("Q205", f"`{name}` is given too much", given[0][1], help=_usage(name))
    if named:
        key, (_, span) = next(iter(named.items()))
        raise context.stop("Q204", f"`{name}` has no `{key}`", span, help=_usage(name))
    return positional, keywords


def _coerced(
    evaluator: "FunctionEvaluator", parameter: Parameter, value: Val, span: Span
) -> object:
    """The value as the annotation wants it; reports Q201."""
    wanted = parameter.annotation
    if isinstance(value, Poison):
        raise Stop
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
    what = {Value: "a tensor", Dim: "a dim", int: "an integer", bool: "true or false"}
    raise evaluator.expected(what.get(wanted, "a number or a tensor"), value, span)


def _usage(name: str) -> str:
    text = [p.replace(annotation=Parameter.empty) for p in _parameters(name)]
    return f"{name}({', '.join(str(p) for p in text)})"


def _parameters(name: str) -> list[Parameter]:
    return list(signature(table()[name].apply).parameters.values())[1:]


def transpose(evaluator: "FunctionEvaluator", e: tree.Call, first: tuple[Val, ...]) -> Val:
    """`transpose(x, B, T, d -> B, d, T)`: axes are named, then reordered."""
    arguments = [a.value for a in e.arguments]
    if not first:
        first, arguments = (evaluator.value(arguments[0]),), arguments[1:]
    x = first[0]
    if not isinstance(x, Value):
        raise evaluator.expected("a tensor", x, e.span)
    before: list[str] = []
    after: list[str] = []
    for argument in arguments:
        if isinstance(argument, tree.Arrow):
            before.append(argument.left.span.text)
            after.append(argument.right.span.text)
        else:
            (after if after else before).append(argument.span.text)
    if not after:
        help = "as in `transpose(x, B, T, d -> B, d, T)`"
        raise evaluator.context.stop("Q205", "`transpose` takes a `->`", e.span, help=help)
    evaluator.frame.builder.span = e.span
    try:
        return permuted(evaluator.frame.builder, x, tuple(before), tuple(after))
    except ShapeError as wrong:
        raise evaluator.context.stop("Q210", f"`transpose` {wrong}", e.span) from None


def length_of(evaluator: "FunctionEvaluator", e: tree.Call, first: tuple[Val, ...]) -> Val:
    """`len(S, lengths)`: the formula that made S, applied to the lengths."""
    arguments = [a.value for a in e.arguments]
    if first or len(arguments) != 2 or not isinstance(arguments[0], tree.Name):
        help = "as in `len(S, lengths)`: a dim and i64 lengths"
        raise evaluator.context.stop("Q205", "`len` takes a dim and lengths", e.span, help=help)
    lengths = evaluator.value(arguments[1])
    formula = evaluator.local_formula(arguments[0])
    names = formula.names()
    if len(names) != 1:
        message = f"`{arguments[0].text}` is {formula}, not a formula of one length"
        raise evaluator.context.stop("Q215", message, arguments[0].span)
    return evaluator.emit(e.span, op.Length(formula, next(iter(names))), lengths)
