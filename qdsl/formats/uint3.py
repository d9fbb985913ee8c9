"""Defines `uint3`: integers of three bits from 0."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

UINT3 = Family(
    name="uint3",
    grid=IntegerGrid(3, signed=False),
    doc="0 … 7: values that are not negative; weights with `asymmetric` only.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
