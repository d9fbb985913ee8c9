"""Defines `N:M`: of every M consecutive weights along the reduction axis, N are kept."""

from qdsl.ir.family import SparsityFamily

NM = SparsityFamily(
    name="nm",
    doc=(
        "`sparse 2:4` keeps 2 of every 4. A kept code stores its position in ceil(log2 M) bits, or "
        "with `index = combination` each group stores ceil(log2 C(M, N)) bits, 3 for 2:4; the "
        "others are exactly 0."
    ),
    source="arXiv 2102.04010",
)
