"""Defines `int2`: integers of two bits times a scale."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid

INT2 = Family(
    name="int2",
    grid=IntegerGrid(2),
    doc=(
        "4 codes: -2 … 1 where symmetric, of which -2 is reached only with `clip` below 1; "
        "`levels = half` (±½, ±1½) or `asymmetric` use all four."
    ),
    source="arXiv 2305.16619",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
