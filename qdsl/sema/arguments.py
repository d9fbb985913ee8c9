"""Binds the arguments of a call to the parameters of a layer or a block."""

from collections.abc import Collection, Sequence
from dataclasses import MISSING, fields
from functools import cache
from typing import get_type_hints

from qdsl.record import record
from qdsl.sema.context import Context, Stop
from qdsl.sema.describe import describe
from qdsl.sema.habits import unknown_parameter_help, whole_division_help
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.values import (
    BlockValue,
    FormatChoice,
    FormatValue,
    FunctionName,
    LayerKind,
    Static,
    Val,
)
from qdsl.source import Span
from qdsl.syntax import tree

TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "str": (str,),
    "format": (FormatValue, FormatChoice),
    "block": (BlockValue, LayerKind),
    "activation": (FunctionName,),
}

Bound = dict[str, tuple[Val, Span]]


@record
class Given:
    """Arguments of a call, evaluated; `a -> b` counts as two."""

    positional: tuple[tuple[Val, Span], ...]
    named: dict[str, tuple[Val, tree.Name]]


def positional_and_named(call: tree.Call, evaluator: StaticEvaluator) -> Given:
    """The call's arguments in order and by name; reports what no call takes."""
    context = evaluator.context
    positional: list[tuple[Val, Span]] = []
    named: dict[str, tuple[Val, tree.Name]] = {}
    for argument in call.arguments:
        value = argument.value
        if argument.each:
            help = "it hands out an array to the elements of a `repeat`, in functions"
            raise context.stop("Q209", "`each` without a `repeat`", argument.span, help=help)
        if argument.name is not None:
            if argument.name.text in named:
                message = f"`{argument.name.text}` is given twice"
                raise context.stop("Q205", message, argument.name.span)
            named[argument.name.text] = (evaluator.value(value), argument.name)
            continue
        check_order(named, argument, context)
        if isinstance(value, tree.Arrow):
            positional += [(evaluator.value(s), s.span) for s in (value.left, value.right)]
        else:
            positional.append((evaluator.value(value), value.span))
    return Given(tuple(positional), named)


def check_order(named: Collection[str], argument: tree.Argument, context: Context) -> None:
    """Reports an argument without a name behind those with one."""
    if named:
        help = "arguments without a name come first"
        message = "argument without a name behind a named one"
        raise context.stop("Q205", message, argument.span, help=help)


def match_names(what: str, names: Sequence[str], given: Given, context: Context) -> Bound:
    """Arguments by parameter name; reports too many, unknown and doubled ones."""
    if len(given.positional) > len(names):
        extra = given.positional[len(names)][1]
        label = "not taken" if names else "takes none"
        help = f"it takes {', '.join(f'`{n}`' for n in names)}" if names else None
        raise context.stop("Q205", f"too many arguments for `{what}`", extra, label, help=help)
    bound = dict(zip(names, given.positional, strict=False))
    for name, (value, place) in given.named.items():
        if name not in names:
            help = unknown_parameter_help(name, names)
            message = f"`{what}` has no parameter `{name}`"
            raise context.stop("Q204", message, place.span, "unknown", help=help)
        if name in bound:
            raise context.stop("Q205", f"`{name}` is given twice", place.span)
        bound[name] = (value, place.span)
    return bound


def bind_layer(kind: LayerKind, given: Given, span: Span, context: Context) -> dict[str, Static]:
    """Arguments of a layer by field, their types checked."""
    schema = _schema(kind)
    bound = match_names(kind.name, tuple(schema), given, context)
    missing = [n for n, (_, required) in schema.items() if required and n not in bound]
    if missing:
        message = f"`{kind.name}` is missing `{missing[0]}`"
        help = f"it takes {', '.join(f'`{n}`' for n in schema)}"
        raise context.stop("Q205", message, span, help=help)
    return {
        name: _typed(name, schema[name][0], value, place, context)
        for name, (value, place) in bound.items()
    }


def bind_block(
    block: BlockValue, given: Given, span: Span, evaluator: StaticEvaluator
) -> dict[str, Static]:
    """Arguments of a block by parameter, defaults evaluated in the block's own file."""
    definition, context = block.definition, evaluator.context
    name = definition.name.text
    bound = match_names(name, [p.name.text for p in definition.parameters], given, context)
    arguments: dict[str, Static] = {}
    for parameter in definition.parameters:
        key = parameter.name.text
        if key in bound:
            value, place = bound[key]
        elif parameter.default is not None:
            inner = StaticEvaluator(context, block.scope, arguments, evaluator.instantiate)
            value, place = inner.value(parameter.default), parameter.default.span
        else:
            declared = [(parameter.name.span, "declared here")]
            message = f"`{name}` is missing `{key}`"
            raise context.stop("Q205", message, span, secondary=declared)
        arguments[key] = _of_type(parameter, value, place, context)
    return arguments


def _of_type(parameter: tree.Parameter, value: Val, span: Span, context: Context) -> Static:
    name, type = parameter.name.text, parameter.type.text
    if not parameter.is_list:
        return _typed(name, type, value, span, context)
    if not isinstance(value, tuple):
        message = f"`{name}` takes a list of {type}, given {describe(value)}"
        raise context.stop("Q201", message, span)
    return tuple(_typed(name, type, v, span, context) for v in value)


def _typed(name: str, type: str, value: Val, span: Span, context: Context) -> Static:
    """The value as one of that type; a whole number is a float too."""
    allowed = TYPES.get(type)
    if allowed is None:
        raise Stop  # a type there is not, reported where it is declared
    if not isinstance(value, allowed) or (isinstance(value, bool) and type != "bool"):
        message = f"`{name}` takes {type}, given {describe(value)}"
        help = whole_division_help(value, span.text) if type == "int" else None
        raise context.stop("Q201", message, span, help=help)
    return float(value) if type == "float" else value  # type: ignore[arg-type,return-value]


@cache
def _schema(kind: LayerKind) -> dict[str, tuple[str, bool]]:
    """Fields of the layer: the word for their type, and whether they must be given."""
    hints = get_type_hints(kind.layer)
    return {f.name: (hints[f.name].__name__, f.default is MISSING) for f in fields(kind.layer)}
