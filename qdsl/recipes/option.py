"""Defines what a value of a recipe is: a frozen dataclass, written as a call of its word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass


class Fault(str):
    """What is wrong with a value, a terse phrase that names its field first, and what to do."""

    help: str

    def __new__(cls, phrase: str, help: str) -> "Fault":
        made = super().__new__(cls, phrase)
        made.help = help
        return made


class OptionError(Exception):
    """Values that an option does not take; faults that say themselves what to do are plain text."""

    def __init__(self, *faults: str) -> None:
        self.faults = faults
        super().__init__("; ".join(faults))


@dataclass(frozen=True)
class Option:
    """`cosine(1e-3, warmup = 100)` is `Cosine(peak=1e-3, warmup=100)`.

    Fields are the arguments, in order: int, float, bool, str (a word or a string), a tuple of str,
    a Literal of words, another option, or a union of those. Making one raises OptionError with all
    of its faults.
    """

    def __post_init__(self) -> None:
        if faults := tuple(self.faults()):
            raise OptionError(*faults)

    def faults(self) -> Iterator[str]:
        """What is wrong with the values: "`steps` is 0, must be at least 1".

        A field that must be given, and could not be read, is None here.
        """
        yield from ()

    @classmethod
    def word(cls) -> str:
        """How a spec writes it: the class name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def at_least(least: float, **values: float | None) -> Iterator[str]:
    """Faults of the values below `least`."""
    for name, value in values.items():
        if value is not None and value < least:
            yield f"`{name}` is {value:g}, must be at least {least:g}"


def below(limit: float, **values: float | None) -> Iterator[str]:
    """Faults of the values that are not below `limit`."""
    for name, value in values.items():
        if value is not None and not value < limit:
            yield f"`{name}` is {value:g}, must be below {limit:g}"


def share(**values: float | None) -> Iterator[str]:
    """Faults of the values that are not from 0 to 1."""
    for name, value in values.items():
        if value is not None and not 0 <= value <= 1:
            yield f"`{name}` is {value:g}, must be from 0 to 1"
