"""Says where each code of a weight lies in the buffer that the kernels read; numbers only.

A row of K columns is padded, group by group, to `columns`. 32 columns are a plane. A code of b bits
(1, 2, 3, 4 or 8) is one piece, of 3 bits two: 2 and, above them, 1. A unit is 16 words of 32 bits
that hold one piece of 16 / p planes: of plane i, columns 2j and 2j + 1 lie in the low and the high
half of word j, p bits from bit p · (i // 2) + 8 · (i % 2) of the half. So one shift and one mask
give a pair of neighbours, which is what a register of a matrix instruction holds; and every shift
below 8 gives the four codes of planes 2i and 2i + 1 in one byte each.

2:4 of 4 bits is held compressed. A quad is four columns that stand together, of which two are kept.
A step is 128 quads, and its units are three: of each quad the first code that is kept, the second,
and a mask whose bit k is set where column k is kept; each unit holds quads as it would hold columns
of 4 bits, and bit 3 of codes is inverted, so that 0 is the code of what is pruned. Of three words
decoding makes four, word k with columns k of eight quads: planes 4i + k of a step are those of word
k. So of 128 columns, column 4c + k has place 32k + c, and rows of x are brought in that order.

The units of 64 rows and one step, the columns that whole units of every piece cover, lie together:
words [rows / 64, steps, units, 64, 16].
"""

from dataclasses import dataclass
from math import ceil

PLANE = 32
UNIT = 16  # words
ROWS = 64


@dataclass(frozen=True, slots=True)
class Layout:
    """A weight [outputs, in_features] of b bits with groups of `group` columns, 0: the row.

    sparse: 2:4, of 4 bits and groups of whole 128 columns.
    """

    bits: int
    outputs: int
    in_features: int
    group: int
    sparse: bool = False

    @property
    def pieces(self) -> tuple[int, ...]:
        """Bits of each piece, from the lowest bits of a code on."""
        return (2, 1) if self.bits == 3 else (self.bits,)

    @property
    def step(self) -> int:
        """Columns of a step."""
        return 512 if self.sparse else 512 // self.pieces[-1]

    @property
    def units(self) -> int:
        """Units of one row and one step."""
        return 3 if self.sparse else self.step * self.bits // 512

    @property
    def groups(self) -> int:
        return max(1, ceil(self.in_features / self.group)) if self.group else 1

    @property
    def span(self) -> int:
        """Columns that a group is padded to: a power of 2 of planes, or whole steps; 0: the row."""
        if self.groups == 1:
            return 0
        if self.group > self.step:
            return ceil(self.group / self.step) * self.step
        return max(PLANE, 1 << (self.group - 1).bit_length())

    @property
    def columns(self) -> int:
        width = self.groups * self.span if self.span else self.in_features
        return max(1, ceil(width / self.step)) * self.step

    @property
    def spacing(self) -> tuple[int, int]:
        """Columns of a group, and how far apart groups begin."""
        return (self.group, self.span) if self.span else (self.in_features, self.columns)

    @property
    def slots(self) -> int:
        """Groups with those that are padding: as many columns have a scale."""
        return self.columns // self.span if self.span else 1

    @property
    def steps(self) -> int:
        return self.columns // self.step

    @property
    def rows(self) -> int:
        return max(1, ceil(self.outputs / ROWS)) * ROWS

    @property
    def words(self) -> int:
        """Words of the whole weight."""
        return self.rows * self.steps * self.units * UNIT

    @property
    def padding(self) -> int:
        """The code in columns and rows that are padding; of 2:4 that of what is pruned."""
        return 8 if self.sparse else 0

    @property
    def is_plain(self) -> bool:
        """Whether columns are where they were, without any between them."""
        return self.columns == self.in_features and not self.sparse
