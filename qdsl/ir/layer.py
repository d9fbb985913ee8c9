"""Defines what a layer kind is: a frozen dataclass whose fields are its schema."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from inspect import getmembers, isfunction
from types import MappingProxyType
from typing import ClassVar

from qdsl.ir.model import Parameter


class LayerError(Exception):
    """Arguments a layer does not take; the message is one terse phrase."""


@dataclass(frozen=True)
class Layer:
    """A layer: fields are the arguments of a spec, public methods but `parameters` its functions.

    A function takes the Builder and its input Values, and returns a Value or a tuple of them; it
    raises ShapeError for inputs it does not take. Fields are int, float, bool, str, or a tuple of
    int; `__post_init__` raises LayerError for values the layer does not take.
    """

    training_only: ClassVar[bool] = False  # the packed graph is without it

    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters the layer owns, in the order of the artifact."""
        return ()

    @classmethod
    def functions(cls) -> Mapping[str, object]:
        """Its functions by name."""
        return _functions(cls)  # type: ignore[arg-type]  # mypy: a class is hashable


@cache
def _functions(cls: type[Layer]) -> Mapping[str, object]:
    hidden = {"parameters", "functions"}
    own = getmembers(cls, isfunction)
    return MappingProxyType({n: f for n, f in own if not n.startswith("_") and n not in hidden})


def positive(**values: int) -> None:
    """Raises LayerError for a value below 1."""
    for name, value in values.items():
        if value < 1:
            raise LayerError(f"`{name}` is {value}, must be at least 1")
