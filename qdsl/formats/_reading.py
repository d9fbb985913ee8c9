"""Reads the options of a format: a word of a closed set, a count, or a refusal."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.family import Family, FormatError

Value = str | int | float | None  # None is the `none` of a spec
Word = TypeVar("Word", bound=StrEnum)


class Refused(Exception):
    """Ends the reading of a format; carries the FormatError that is returned."""

    def __init__(self, option: str, message: str, help: str | None = None) -> None:
        self.error = FormatError(option, message, help)
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Options:
    """What stood in the brackets behind the name of a format."""

    family: str
    values: Mapping[str, Value]
    flags: Collection[str]

    def word(self, name: str, known: Iterable[str], default: str) -> str:
        value, words = self.values.get(name, default), tuple(known)
        if not isinstance(value, str) or value not in words:
            raise Refused(name, f"`{name}` is {shown(value)}", "one of " + _listed(words))
        return value

    def enum(self, name: str, kind: type[Word], default: Word) -> Word:
        return kind(self.word(name, tuple(kind), default))

    def count(self, name: str) -> int:
        value = self.values[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise Refused(name, f"`{name}` is {shown(value)}, must be a positive integer")
        return value


def read(family: Family, values: Mapping[str, Value], flags: Collection[str]) -> Options:
    """The options as given; raises Refused for one that the family does not take."""
    for name in (*values, *flags):
        if name in values and name in family.flags:
            raise Refused(name, f"`{name}` takes no value", f"write `{name}` alone")
        if name in flags and name in family.options:
            raise Refused(name, f"`{name}` needs a value", f"write `{name} = …`")
        if name not in family.options | family.flags:
            known = family.options | family.flags
            help = suggestion(name, known) or f"`{family.name}` is written alone"
            raise Refused(name, f"`{family.name}` takes no option `{name}`", help)
    return Options(family.name, values, flags)


def shown(value: object) -> str:
    """A value as a message names it: blocks, formats and arrays have no short text."""
    return f"`{value}`" if isinstance(value, str | int | float) else "no such value"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"`{w}`" for w in words)
