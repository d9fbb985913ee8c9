"""Defines `int3`: integers of three bits times a scale."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

INT3 = Family(
    name="int3",
    grid=IntegerGrid(3),
    doc="8 codes, -4 … 3 where symmetric.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
