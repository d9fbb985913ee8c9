"""Finds the weight of some rank of magnitude inside kernels, by counts of digits of 8 bits."""

import triton
import triton.language as tl


@triton.jit
def bits_of(x):
    """Of magnitudes: integers in the same order, i32."""
    return x.to(tl.int32, bitcast=True) & 0x7FFFFFFF


@triton.jit
def picked(counts, rank, PASSES: tl.constexpr):
    """The first digits of the magnitude of that rank, counted from 1, and its rank among those.

    counts i32 [4, 256]: of each pass how often a digit is found behind the digits before.
    """
    prefix, k = rank * 0, tl.arange(0, 256)
    for j in tl.static_range(PASSES):
        number = tl.load(counts + 256 * j + k)
        below = tl.cumsum(number, 0) < rank
        rank -= tl.sum(tl.where(below, number, 0), 0)
        prefix = prefix * 256 + tl.sum(below.to(tl.int32), 0)
    return prefix, rank
