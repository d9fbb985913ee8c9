"""Defines `uint8`: integers of eight bits from 0."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

UINT8 = Family(
    name="uint8",
    grid=IntegerGrid(8, signed=False),
    doc="0 … 255: values that are not negative; weights with `asymmetric` only.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
