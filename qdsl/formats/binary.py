"""Defines `binary`: -1 and +1 times a scale."""

from qdsl.ir.family import SCALED_OPTIONS, Family
from qdsl.ir.format import BinaryGrid

BINARY = Family(
    name="binary",
    grid=BinaryGrid(),
    doc=(
        "One bit a weight, scale mean|w|, 0 counted as +1. `center` subtracts the mean first; "
        "`ste = identity` gives the scale no gradient."
    ),
    source="arXiv 1603.05279; centred: arXiv 2406.02887",
    options=SCALED_OPTIONS | {"ste"},
    flags=frozenset({"symmetric", "center"}),
)
