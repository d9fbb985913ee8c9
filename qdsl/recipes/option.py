"""Defines what a value of a recipe is: a frozen dataclass, written as a call of its word."""

import re
from dataclasses import dataclass


class OptionError(Exception):
    """A value that an option does not take; the message is one terse phrase."""


@dataclass(frozen=True)
class Option:
    """`cosine(1e-3, warmup = 100)` is `Cosine(peak=1e-3, warmup=100)`.

    Fields are the arguments, in order: int, float, bool, str (a word or a string), a tuple of str,
    a Literal of words, another option, or a union of those. `__post_init__` raises OptionError.
    """

    @classmethod
    def word(cls) -> str:
        """How a spec writes it: the class name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()


def at_least(least: float, **values: float | None) -> None:
    """Raises OptionError for a value below `least`."""
    for name, value in values.items():
        if value is not None and value < least:
            raise OptionError(f"`{name}` is {value:g}, must be at least {least:g}")


def share(**values: float | None) -> None:
    """Raises OptionError for a value that is not from 0 to 1."""
    for name, value in values.items():
        if value is not None and not 0 <= value <= 1:
            raise OptionError(f"`{name}` is {value:g}, must be from 0 to 1")
