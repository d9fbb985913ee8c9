"""Binds the arguments of a call to the parameters of a layer or a block."""

from dataclasses import MISSING, dataclass, fields
from typing import get_type_hints

from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.context import Context, Stop
from qdsl.sema.static import StaticEvaluator
from qdsl.sema.values import (
    BlockValue,
    FormatValue,
    FunctionName,
    LayerKind,
    Poison,
    Static,
    Val,
    describe,
)
from qdsl.source import Span
from qdsl.syntax import tree

TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "str": (str,),
    "format": (FormatValue,),
    "block": (BlockValue, LayerKind),
    "activation": (FunctionName,),
}


@dataclass(frozen=True, slots=True)
class Given:
    """Arguments of a call, evaluated; `a -> b` counts as two."""

    positional: tuple[tuple[Val, Span], ...]
    named: dict[str, tuple[Val, tree.Name]]


def positional_and_named(call: tree.Call, evaluator: StaticEvaluator) -> Given:
    positional: list[tuple[Val, Span]] = []
    named: dict[str, tuple[Val, tree.Name]] = {}
    for argument in call.arguments:
        value = argument.value
        if argument.name is not None:
            if argument.name.text in named:
                message = f"`{argument.name.text}` is given twice"
                raise evaluator.context.stop("Q205", message, argument.name.span)
            named[argument.name.text] = (evaluator.value(value), argument.name)
        elif isinstance(value, tree.Arrow):
            positional += [(evaluator.value(s), s.span) for s in (value.left, value.right)]
        elif named:
            message = "positional argument behind a named one"
            raise evaluator.context.stop("Q205", message, argument.span)
        else:
            positional.append((evaluator.value(value), value.span))
    return Given(tuple(positional), named)


def match_names(
    what: str, names: tuple[str, ...], given: Given, span: Span, context: Context
) -> dict[str, tuple[Val, Span]]:
    """Arguments by parameter name; reports too many, unknown and doubled ones."""
    if len(given.positional) > len(names):
        extra = given.positional[len(names)][1]
        message = f"`{what}` takes {len(names)} arguments, given {len(given.positional)}"
        raise context.stop("Q205", message, extra, "one too many")
    bound = dict(zip(names, given.positional, strict=False))
    for name, (value, place) in given.named.items():
        if name not in names:
            help = suggestion(name, names)
            message = f"`{what}` has no parameter `{name}`"
            raise context.stop("Q204", message, place.span, "unknown", help=help)
        if name in bound:
            raise context.stop("Q205", f"`{name}` is given twice", place.span)
        bound[name] = (value, place.span)
    return bound


def bind_layer(kind: LayerKind, given: Given, span: Span, context: Context) -> dict[str, Static]:
    """Arguments of a layer by field, their types checked."""
    schema = {f.name: f for f in fields(kind.layer)}
    hints = get_type_hints(kind.layer)
    bound = match_names(kind.name, tuple(schema), given, span, context)
    missing = [n for n, f in schema.items() if n not in bound and f.default is MISSING]
    if missing:
        message = f"`{kind.name}` is missing `{missing[0]}`"
        help = f"{kind.name}({', '.join(schema)})"
        raise context.stop("Q205", message, span, help=help)
    for name, (value, place) in bound.items():
        _check_type(name, hints[name].__name__, False, value, place, context)
    return {n: float(v) if hints[n] is float else v for n, (v, _) in bound.items()}  # type: ignore[arg-type,misc]


def bind_block(
    block: BlockValue, given: Given, call: tree.Call, evaluator: StaticEvaluator
) -> dict[str, Static]:
    """Arguments of a block by parameter, defaults evaluated in the block's own file."""
    definition, context = block.definition, evaluator.context
    name = definition.name.text
    names = tuple(p.name.text for p in definition.parameters)
    bound = match_names(name, names, given, call.span, context)
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
            raise context.stop("Q205", message, call.span, secondary=declared)
        _check_type(key, parameter.type.text, parameter.is_list, value, place, context)
        number = parameter.type.text == "float" and isinstance(value, int)
        arguments[key] = float(value) if number else value  # type: ignore[arg-type,assignment]
    return arguments


def _check_type(
    name: str, type: str, is_list: bool, value: Val, span: Span, context: Context
) -> None:
    if isinstance(value, Poison):
        raise Stop
    values = value if is_list and isinstance(value, tuple) else (value,)
    if is_list and not isinstance(value, tuple):
        raise context.stop("Q201", f"`{name}` takes a list of {type}", span, describe(value))
    allowed = TYPES.get(type)
    if allowed is None:
        help = "types are " + ", ".join(f"`{t}`" for t in TYPES)
        raise context.stop("Q201", f"unknown type `{type}`", span, help=help)
    for v in values:
        if not isinstance(v, allowed) or (isinstance(v, bool) and type != "bool"):
            raise context.stop("Q201", f"`{name}` takes {type}, given {describe(v)}", span)


