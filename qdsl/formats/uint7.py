"""Defines `uint7`: integers of seven bits from 0."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

UINT7 = Family(
    name="uint7",
    grid=IntegerGrid(7, signed=False),
    doc="0 … 127: values that are not negative; weights with `asymmetric` only.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
