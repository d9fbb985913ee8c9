"""Defines `f16`: IEEE 754 half precision."""

from qdsl.ir.family import FLOAT_OPTIONS, Family
from qdsl.ir.format import FloatGrid, FloatType

F16 = Family(
    name="f16",
    grid=FloatGrid(FloatType.F16),
    doc="Storage of 2 bytes a weight, 5 bits of exponent; products are computed in f32.",
    source="IEEE 754-2019, binary16",
    options=FLOAT_OPTIONS,
)
