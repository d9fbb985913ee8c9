"""Reads 2:4 out of words inside kernels: of every quad of columns two codes and a mask.

Eight quads are decompressed at once, with operations on whole words; `qdsl_gpu.layout` says where
they lie.
"""

import triton
import triton.language as tl


@triton.jit
def kept(masks, COLUMN: tl.constexpr):
    """15 in the fields of 4 bits of quads that keep a column, else 0."""
    return ((masks >> COLUMN) & 0x11111111) * 15


@triton.jit
def decompressed(first, second, masks):
    """Words of columns 0, 1, 2 and 3 of quads, in 14 instructions."""
    eights: tl.constexpr = -0x77777778
    first_in_0 = kept(masks, 0)
    column_0 = (first & first_in_0) ^ eights
    column_1 = (((second & first_in_0) | (first & ~first_in_0)) & kept(masks, 1)) ^ eights
    column_3 = (second & kept(masks, 3)) ^ eights
    # both codes are in one column each, so they take each other off; and 8 ^ 8 ^ 8 is 8
    column_2 = column_0 ^ column_1 ^ column_3 ^ first ^ second
    return column_0, column_1, column_2, column_3


@triton.jit
def alternated(even, odd, HIGH: tl.constexpr):
    """In each half a byte of either word: of its lower ones, or of those that are HIGH."""
    if HIGH:
        word = ((even >> 8) & 0x00FF00FF) | (odd & -0x00FF0100)
    else:
        word = (even & 0x00FF00FF) | ((odd << 8) & -0x00FF0100)
    return word


@triton.jit
def code_of_quad(words, offsets, column):
    """u i32 at columns of a row."""
    quad, k = column // 4, column % 4
    at = words + offsets + quad // 128 * 3072 + quad % 32 // 2
    i = quad // 32 % 4
    bit = 4 * (i // 2) + 8 * (i % 2) + 16 * (quad % 2)
    mask = (tl.load(at + 2048) >> bit) & 15
    # behind another that is kept
    is_second = (mask & ((1 << k) - 1)) != 0
    code = (tl.load(at + tl.where(is_second, 1024, 0)) >> bit) & 15
    return tl.where(((mask >> k) & 1) != 0, code ^ 8, 8)
