"""Defines `int8`: integers of eight bits times a scale."""

from qdsl.ir.family import INTEGER_FLAGS, INTEGER_OPTIONS, Family
from qdsl.ir.format import IntegerGrid, Levels

INT8 = Family(
    name="int8",
    grid=IntegerGrid(8, levels=Levels.NARROW),
    doc=(
        "±127 where symmetric, -128 … 127 with `levels = full` or `asymmetric`. "
        "`activations = int8(dynamic)` rounds the inputs of a product, one scale per token; "
        "without `dynamic`, in a range that calibration fixes."
    ),
    source="arXiv 1712.05877",
    options=INTEGER_OPTIONS,
    flags=INTEGER_FLAGS,
)
