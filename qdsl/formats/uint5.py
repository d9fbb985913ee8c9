"""Defines `uint5`: integers of five bits from 0."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

UINT5 = Family(
    name="uint5",
    grid=IntegerGrid(5, signed=False),
    doc="0 … 31: values that are not negative; weights with `asymmetric` only.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
