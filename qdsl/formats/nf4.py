"""Defines `nf4`: the normal floats of four bits."""

from qdsl.ir.family import SCALED_OPTIONS, Family
from qdsl.ir.format import NORMAL_FLOATS, CodebookGrid

NF4 = Family(
    name="nf4",
    grid=CodebookGrid(4, NORMAL_FLOATS),
    doc=(
        "16 values from -1 to 1, quantiles of the normal distribution with an exact 0, times "
        "max|w|. Products take f32 activations."
    ),
    source="arXiv 2305.14314",
    options=SCALED_OPTIONS,
    flags=frozenset({"symmetric"}),
)
