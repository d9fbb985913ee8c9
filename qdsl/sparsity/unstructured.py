"""Defines `90%`: that share of all weights of a matrix is pruned, wherever they stand."""

from qdsl.ir.family import SparsityFamily

UNSTRUCTURED = SparsityFamily(
    name="unstructured",
    doc=(
        "`sparse 90%` prunes that share of a matrix, the least weights wherever they stand, "
        "rounded to a count, half a weight up. It is stored dense, pruned weights as codes of 0: "
        "the bytes are those of the format without it."
    ),
    source="arXiv 1710.01878",
)
