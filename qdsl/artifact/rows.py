"""Reads the parts of a table's row: lists of a length, integers in a range, numbers of rows."""

from collections.abc import Iterable, Sequence
from typing import Any

from qdsl.artifact.codec import LARGEST_INTEGER, Json, Malformed, scalar, sequence


def items(value: Json, length: int) -> list[Json]:
    """A list of that many; raises Malformed."""
    found = sequence(value)
    if len(found) != length:
        raise Malformed(f"a list of {len(found)} where {length} are due")
    return found


def pair(value: Json) -> tuple[Json, Json]:
    """A list of two; raises Malformed."""
    first, second = items(value, 2)
    return first, second


def strings(value: Json, length: int | None = None) -> tuple[str, ...]:
    """Texts, that many where a count is given; raises Malformed."""
    found = sequence(value) if length is None else items(value, length)
    return tuple(scalar(str, v) for v in found)


def integers(value: Json) -> tuple[int, ...]:
    """Integers of at most 63 bits; raises Malformed."""
    return tuple(scalar(int, v) for v in sequence(value))


def natural(value: Json) -> int:
    """An integer from 0 up; raises Malformed."""
    if scalar(int, value) < 0:
        raise Malformed(f"a count of {value}")
    number: int = value
    return number


def at(rows: Sequence[Any], number: Json) -> Any:
    """The row of that number; raises Malformed."""
    if not 0 <= scalar(int, number) < len(rows):
        raise Malformed(f"row {number} of a table of {len(rows)}")
    return rows[number]


def product(sizes: Iterable[int]) -> int:
    """The product with 0 counted as 1, cut off just above the largest integer."""
    result = 1
    for n in sizes:
        result = min(result * max(n, 1), LARGEST_INTEGER + 1)
    return result
