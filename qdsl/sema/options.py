"""Reads the values of a recipe: words and calls become the dataclasses that define them."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from qdsl.diagnostic.suggest import suggestion
from qdsl.recipes.option import Option, OptionError
from qdsl.record import record
from qdsl.sema.context import Context
from qdsl.sema.describe import describe
from qdsl.sema.static import StaticEvaluator
from qdsl.source import Span
from qdsl.syntax import tree

Hint = Any  # a type annotation of an option's field
NUMBERS = (int, float, bool)


@record
class Given:
    """An argument as written, and the evaluator for the file it stands in."""

    value: tree.Expr
    span: Span
    evaluator: StaticEvaluator


class OptionReader:
    """Makes options of what a recipe says; every refusal is a Q702 with what would do."""

    def __init__(self, context: Context) -> None:
        self.context = context

    def call(self, kind: type[Option], e: tree.Expr, evaluator: StaticEvaluator) -> Option:
        """The option that a word or a call of it makes."""
        arguments = e.arguments if isinstance(e, tree.Call) else ()
        names = tuple(schema(kind))
        given: dict[str, Given] = {}
        for position, argument in enumerate(arguments):
            name = argument.name.text if argument.name else None
            if name is None:
                if position >= len(names):
                    message = f"too many arguments for `{kind.word()}`"
                    raise self.context.stop("Q205", message, argument.span, help=_takes(names))
                name = names[position]
            if name not in names:
                message = f"`{kind.word()}` has no `{name}`"
                help = suggestion(name, names) or _takes(names)
                span = argument.name.span if argument.name else argument.span
                raise self.context.stop("Q701", message, span, "unknown", help=help)
            if name in given:
                raise self.context.stop("Q205", f"`{name}` is given twice", argument.span)
            given[name] = Given(argument.value, argument.span, evaluator)
        return self.make(kind, given, e.span)

    def make(
        self, kind: type[Option], given: Mapping[str, Given], span: Span, **known: object
    ) -> Option:
        """The option with those fields; `known` are not written but follow from the place."""
        hints = schema(kind)
        values = dict(known)
        for name, argument in given.items():
            values[name] = self.read(name, argument.value, hints[name][0], argument.evaluator)
        if missing := [n for n, (_, required) in hints.items() if required and n not in values]:
            message = f"`{known.get('name', kind.word())}` is missing `{missing[0]}`"
            raise self.context.stop("Q205", message, span, help=f"add `{missing[0]} = …`")
        try:
            return kind(**values)
        except OptionError as wrong:
            named = str(wrong).split("`")[1:2]
            place = given[named[0]].value.span if named and named[0] in given else span
            raise self.context.stop("Q702", str(wrong), place) from None

    def read(self, name: str, e: tree.Expr, hint: Hint, evaluator: StaticEvaluator) -> object:
        """The value of the field `name`."""
        members = alternatives(hint)
        word = _word(e)
        for member in members:
            if _is_option(member) and word == member.word():
                return self.call(member, e, evaluator)
        if isinstance(e, tree.NoneLiteral) and NoneType in members:
            return None
        if isinstance(e, tree.Array):
            if element := next((get_args(m)[0] for m in members if _origin(m) is tuple), None):
                return tuple(self.read(name, x, element, evaluator) for x in e.elements)
        if isinstance(e, tree.Name) and (e.text in _literals(members) or str in members):
            return e.text
        if isinstance(e, tree.String) and str in members:
            return e.value
        return self._number(name, e, members, evaluator)

    def _number(
        self, name: str, e: tree.Expr, members: tuple[Hint, ...], evaluator: StaticEvaluator
    ) -> object:
        numbers = tuple(m for m in members if m in NUMBERS)
        known = _known(members)
        unknown_word = _word(e) and evaluator.scope.value(_word(e)) is None
        if not numbers or unknown_word:
            help = suggestion(_word(e), known) if known else None
            help = help or f"one of {', '.join(f'`{w}`' for w in known)}" if known else help
            message = f"`{name}` is {_expected(members)}, not `{e.span.text}`"
            raise self.context.stop("Q702", message, e.span, help=help)
        value = evaluator.value(e)
        if isinstance(value, bool) is not (bool in numbers) or not isinstance(value, int | float):
            message = f"`{name}` is {_expected(members)}, given {describe(value)}"
            raise self.context.stop("Q702", message, e.span)
        if isinstance(value, float) and float not in numbers:
            raise self.context.stop("Q702", f"`{name}` is a whole number, given {value}", e.span)
        return float(value) if float in numbers else value


def schema(kind: type[Option]) -> Mapping[str, tuple[Hint, bool]]:
    """Fields of an option: the type, and whether it must be given."""
    return _schema(kind)  # type: ignore[arg-type]  # mypy: a class is hashable


@cache
def _schema(kind: type[Option]) -> Mapping[str, tuple[Hint, bool]]:
    hints = get_type_hints(kind)
    return {f.name: (hints[f.name], f.default is MISSING) for f in fields(kind)}


def words(hint: Hint) -> tuple[str, ...]:
    """The words that a field of that type may be."""
    return _known(alternatives(hint))


def alternatives(hint: Hint) -> tuple[Hint, ...]:
    """The types of which a field may be one."""
    if _origin(hint) in (Union, UnionType):
        return tuple(m for x in get_args(hint) for m in alternatives(x))
    return (hint,)


def _origin(member: Hint) -> object:
    return get_origin(member)


def _is_option(member: Hint) -> bool:
    return isinstance(member, type) and issubclass(member, Option)


def _literals(members: Iterable[Hint]) -> tuple[str, ...]:
    return tuple(w for m in members if _origin(m) is Literal for w in get_args(m))


def _known(members: tuple[Hint, ...]) -> tuple[str, ...]:
    options = (m.word() for m in members if _is_option(m))
    inner = (
        w for m in members if _origin(m) is tuple for w in _known(alternatives(get_args(m)[0]))
    )
    return (*options, *_literals(members), *inner, *(["none"] if NoneType in members else []))


def _expected(members: tuple[Hint, ...]) -> str:
    match [m for m in members if m is not NoneType]:
        case [kind] if kind in NUMBERS:
            return {int: "a whole number", float: "a number", bool: "`true` or `false`"}[kind]
        case [kind] if _origin(kind) is tuple:
            return "a list"
        case kinds if float in kinds:
            return "a number or a word"
        case _:
            return "a word"


def _word(e: tree.Expr) -> str:
    match e:
        case tree.Name(text=text) | tree.Call(callee=tree.Name(text=text)):
            return text
        case _:
            return ""


def _takes(names: Iterable[str]) -> str:
    listed = ", ".join(f"`{n}`" for n in names)
    return f"it takes {listed}" if listed else "it takes none"
