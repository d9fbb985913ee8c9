"""Defines `int4`: integers of four bits times a scale."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

INT4 = Family(
    name="int4",
    grid=IntegerGrid(4),
    doc="16 codes, -8 … 7 where symmetric.",
    source="arXiv 2203.15952",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
