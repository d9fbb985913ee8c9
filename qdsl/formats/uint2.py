"""Defines `uint2`: integers of two bits from 0."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

UINT2 = Family(
    name="uint2",
    grid=IntegerGrid(2, signed=False),
    doc="0 … 3: values that are not negative; weights with `asymmetric` only.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
