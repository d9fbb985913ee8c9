"""Defines `int5`: integers of five bits times a scale."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

INT5 = Family(
    name="int5",
    grid=IntegerGrid(5),
    doc="32 codes, -16 … 15 where symmetric.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
