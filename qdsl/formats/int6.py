"""Defines `int6`: integers of six bits times a scale."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

INT6 = Family(
    name="int6",
    grid=IntegerGrid(6),
    doc="64 codes, -32 … 31 where symmetric.",
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
