"""Reads the dataclasses of options: what their fields may be, and in which words."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from qdsl.recipes.option import Option
from qdsl.syntax import tree

Hint = Any  # a type annotation of an option's field
NUMBERS = (int, float, bool)


def schema(kind: type[Option]) -> Mapping[str, tuple[Hint, bool]]:
    """Fields of an option: the type, and whether it must be given."""
    return _schema(kind)  # type: ignore[arg-type]  # mypy: a class is hashable


@cache
def _schema(kind: type[Option]) -> Mapping[str, tuple[Hint, bool]]:
    hints = get_type_hints(kind)
    return {f.name: (hints[f.name], f.default is MISSING) for f in fields(kind)}


def alternatives(hint: Hint) -> tuple[Hint, ...]:
    """The types of which a field may be one."""
    if _origin(hint) in (Union, UnionType):
        return tuple(m for x in get_args(hint) for m in alternatives(x))
    return (hint,)


def words(hint: Hint) -> tuple[str, ...]:
    """The words that a field of that type may be."""
    return known_words(alternatives(hint))


def known_words(members: Iterable[Hint]) -> tuple[str, ...]:
    """The words of all the types; of a list, those of its elements."""
    members = tuple(members)
    options = (m.word() for m in members if is_option(m))
    return (
        *options,
        *literals(members),
        *(w for e in elements(members) for w in words(e)),
        *(["none"] if NoneType in members else []),
    )


def elements(members: Iterable[Hint]) -> tuple[Hint, ...]:
    """What the lists among the types are of."""
    return tuple(get_args(m)[0] for m in members if _origin(m) is tuple)


def _origin(member: Hint) -> object:
    return get_origin(member)


def is_option(member: Hint) -> bool:
    """Whether the type is an option, written as a call of its word."""
    return isinstance(member, type) and issubclass(member, Option)


def literals(members: Iterable[Hint]) -> tuple[str, ...]:
    """The words that stand for themselves."""
    return tuple(w for m in members if _origin(m) is Literal for w in get_args(m))


def expected(members: Iterable[Hint]) -> str:
    """What a field of those types takes, for messages."""
    match [m for m in members if m is not NoneType]:
        case [kind] if kind in NUMBERS:
            return {int: "a whole number", float: "a number", bool: "`true` or `false`"}[kind]
        case [kind] if _origin(kind) is tuple:
            return "a list"
        case kinds if float in kinds:
            return "a number or a word"
        case _:
            return "a word"


def word_of(e: tree.Expr) -> str:
    """The word that is written or called; empty where it is none."""
    match e:
        case tree.Name(text=text) | tree.Call(callee=tree.Name(text=text)):
            return text
        case tree.NoneLiteral():
            return "none"
        case _:
            return ""
