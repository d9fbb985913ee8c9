"""Defines sparsity patterns: which weights of a matrix may be other than 0."""

from dataclasses import field
from enum import StrEnum
from functools import cache
from math import comb

from qdsl.record import record

LARGEST_M = 256  # a kept code's position in its group fits one byte
LARGEST_RANK_BITS = 63
WHOLE = 1_000_000  # all weights, in the unit of a share


class Index(StrEnum):
    """What N:M stores to say which weights are kept.

    position: of each, where it stands in its group. combination: of each group, the number of its
    set of positions among all that there are.
    """

    POSITION = "position"
    COMBINATION = "combination"


@record
class Dense:
    """Every weight is kept."""

    def __str__(self) -> str:
        return ""


@record
class NM:
    """`kept` of every `group` consecutive weights along the reduction axis are kept."""

    kept: int
    group: int
    # later than the first files: written where it is not the default
    index: Index = field(default=Index.POSITION, metadata={"optional": True})

    @property
    def entries(self) -> int:
        """Numbers that the index has for a group."""
        return self.kept if self.index is Index.POSITION else 1

    @property
    def index_bits(self) -> int:
        """Bits of each: ceil(log2 M) of a position, ceil(log2 C(M, N)) of a combination."""
        if self.index is Index.POSITION:
            return (self.group - 1).bit_length()
        return (combinations(self.group, self.kept) - 1).bit_length()

    def __str__(self) -> str:
        return f"{self.kept}:{self.group}"


@record
class Unstructured:
    """`millionths` of all weights of the matrix are pruned, wherever they stand."""

    millionths: int

    def pruned(self, count: int) -> int:
        """Weights pruned of `count`, half a weight rounded up."""
        return (count * self.millionths + WHOLE // 2) // WHOLE

    def __str__(self) -> str:
        whole, rest = divmod(self.millionths, WHOLE // 100)
        return f"{whole}" + f".{rest:04}".rstrip("0") * bool(rest) + "%"


Pattern = Dense | NM | Unstructured


@cache
def combinations(group: int, kept: int) -> int:
    """C(M, N): the sets of N positions in a group of M."""
    return comb(group, kept)
