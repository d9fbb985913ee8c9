"""Defines `f32`: IEEE 754 single precision."""

from qdsl.ir.family import FLOAT_OPTIONS, Family
from qdsl.ir.format import FloatGrid, FloatType

F32 = Family(
    name="f32",
    grid=FloatGrid(FloatType.F32),
    doc="Stored as they are, 4 bytes a weight.",
    source="IEEE 754-2019, binary32",
    options=FLOAT_OPTIONS,
)
