"""Defines `bf16`: the upper half of an f32."""

from qdsl.ir.family import FLOAT_OPTIONS, Family
from qdsl.ir.format import FloatGrid, FloatType

BF16 = Family(
    name="bf16",
    grid=FloatGrid(FloatType.BF16),
    doc="Storage of 2 bytes a weight, the exponent of f32; products are computed in f32.",
    source="arXiv 1905.12322",
    options=FLOAT_OPTIONS,
)
