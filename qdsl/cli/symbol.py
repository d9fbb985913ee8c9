"""Shapes in words: integers that remember how they were computed."""

from dataclasses import MISSING, fields

from qdsl.ir.layer import Layer
from qdsl.ir.model import Parameter

SIZE = 64  # large enough for every layer, and even


class Symbol(int):
    """An integer and its text: `4 * Symbol(64, "hidden")` reads `4·hidden`."""

    def __new__(cls, value: int, text: str) -> "Symbol":
        found = super().__new__(cls, value)
        found._text = text
        return found

    _text: str

    def __mul__(self, other: int) -> "Symbol":
        return Symbol(int(self) * int(other), f"{_factor(self)}·{_factor(other)}")

    def __rmul__(self, other: int) -> "Symbol":
        if other == 1 and not isinstance(other, Symbol):
            return self
        return Symbol(int(other) * int(self), f"{_factor(other)}·{_factor(self)}")

    def __floordiv__(self, other: int) -> "Symbol":
        return Symbol(int(self) // int(other), f"{self} // {other}")

    def __str__(self) -> str:
        return self._text

    def __format__(self, spec: str) -> str:
        return self._text


def _factor(value: int) -> str:
    return f"({value})" if "/" in str(value) else str(value)


def symbolic_parameters(kind: type[Layer]) -> tuple[Parameter, ...]:
    """The parameters of a layer, shapes in terms of its arguments; optional parts are left out."""
    values: dict[str, int | float] = {}
    for field in fields(kind):
        if field.type in ("int", int):
            value = SIZE if field.default is MISSING else field.default
            values[field.name] = Symbol(value, field.name)
        elif field.default is MISSING:
            values[field.name] = 0.0
    return kind(**values).parameters()
