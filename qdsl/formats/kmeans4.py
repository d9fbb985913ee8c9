"""Defines `kmeans4`: 16 values found in the weights themselves, times a scale."""

from qdsl.ir.family import SCALED_OPTIONS, Family
from qdsl.ir.format import CodebookGrid

KMEANS4 = Family(
    name="kmeans4",
    grid=CodebookGrid(4),
    doc=(
        "16 values for the whole weight, found by k-means over the weights divided by their scale, "
        "which is max|w|; they are stored with the codes. Products take f32 activations."
    ),
    source="arXiv 1510.00149",
    options=SCALED_OPTIONS,
    flags=frozenset({"symmetric"}),
)
