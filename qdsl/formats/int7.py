"""Defines `int7`: integers of seven bits times a scale."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

INT7 = Family(
    name="int7",
    grid=IntegerGrid(7),
    doc="128 codes, -64 … 63 where symmetric.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
