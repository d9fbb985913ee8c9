"""Says in words what a recipe may say: arguments of options, and the values that they take."""

from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from types import NoneType
from typing import Any, Literal, get_args, get_origin

from qdsl.recipes.option import Option
from qdsl.sema.recipe.options import alternatives, schema

_NUMBERS = {int: "a whole number", float: "a number", bool: "true, false", str: "a name"}


def call_text(kind: type[Option]) -> str:
    """`cosine(peak, warmup = 0, final = 0.0)`; the word alone where it takes nothing."""
    given = ", ".join(map(_argument, fields(kind)))
    return f"{kind.word()}({given})" if given else kind.word()


def value_text(hint: Any) -> str:
    """What a field of that type may be: `a number, cosine(…)`."""
    return ", ".join(filter(None, map(_alternative, alternatives(hint))))


def default_text(field: "Field[Any]") -> str:
    """The default as a spec would write it; empty where the value must be given."""
    match field.default:
        case None:
            return "none"
        case bool():
            return str(field.default).lower()
        case Option():
            return field.default.word()
        case ():
            return "[]"
        case default:
            return "" if default is MISSING else str(default)


def argument_rows(kind: type[Option]) -> Iterator[tuple[str, str, str]]:
    """Name, values and default of each field."""
    for field in fields(kind):
        hint, required = schema(kind)[field.name]
        yield f"`{field.name}`", value_text(hint), "" if required else default_text(field)


def options_within(kind: type[Option]) -> Iterator[tuple[str, type[Option]]]:
    """Each option that a field of `kind`, or of one of those, may be, with the field's name."""
    for name, (hint, _) in schema(kind).items():
        for option in alternatives(hint):
            if isinstance(option, type) and issubclass(option, Option):
                yield name, option
                yield from options_within(option)


def _argument(field: "Field[Any]") -> str:
    default = default_text(field)
    return f"{field.name} = {default}" if default else field.name


def _alternative(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return f"a list of {value_text(get_args(hint)[0]).replace('a name', 'names')}"
    if get_origin(hint) is Literal:
        return ", ".join(get_args(hint))
    if hint is NoneType:
        return ""
    if issubclass(hint, Option):
        return f"{hint.word()}(…)" if fields(hint) else hint.word()
    return _NUMBERS[hint]
