"""Says inside kernels which column of a row stands at a place of its codes."""

import triton
import triton.language as tl


@triton.jit
def column_at(place, SPARSE: tl.constexpr):
    """The column, of those that groups are padded to, that stands at a place of x."""
    if SPARSE:
        place = place // 128 * 128 + place % 32 * 4 + place % 128 // 32
    return place


@triton.jit
def column_of(at, group, span, K, SPARSE: tl.constexpr):
    """The column of x that stands at a place of the codes, -1 where none does.

    Of 64 columns place 4j + 2h + e is column 32e + 2j + h: the order of the bytes of words.
    """
    j, h, e = at % 64 // 4, at % 4 // 2, at % 2
    place = at // 64 * 64 + 32 * e + 2 * j + h
    column = column_at(place, SPARSE)
    inside = column % span
    k = column // span * group + inside
    return tl.where((inside < group) & (k < K), k, -1)
