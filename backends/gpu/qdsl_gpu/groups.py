"""Takes statistics of groups of weights inside kernels, and finds their scales and zero points.

A program has BG groups of L weights, and reads them BL at a time: what it reads again lies in the
cache. Pruned weights are 0. The formulas are those of `qdsl.fx.numerics`, each step rounded.
"""

import triton
import triton.language as tl

from qdsl_gpu.rounding import clamped, rounded, stored


@triton.jit
def place(groups, G, K, L, BG: tl.constexpr):
    """Of the groups of a program [BG]: number, where each begins, and columns, 0 of none."""
    i = tl.program_id(0) * BG + tl.arange(0, BG)
    row, first = i // G, i % G * L
    columns = tl.where(i < groups, tl.minimum(K - first, L), 0)
    return i, row.to(tl.int64) * K + first, columns


@triton.jit
def read(x, mask, begin, columns, k, MASK: tl.constexpr):
    """f32 [BG, BL] of columns k, 0 where none is and where it is pruned; and which are kept."""
    at, kept = begin[:, None] + k[None, :], k[None, :] < columns[:, None]
    # pruned ones too: what is loaded by a mask from memory is loaded one by one
    found = tl.load(x + at, mask=kept, other=0.0).to(tl.float32)
    if MASK:
        kept = tl.load(mask + at, mask=kept, other=0) != 0
        found = tl.where(kept, found, 0.0)
    return found, kept


@triton.jit
def greater(a, b):
    return tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)


@triton.jit
def greatest_of(a):
    """The greatest of each row [BG] of numbers that are at least 0; NaN where there is one."""
    bad = tl.max((a != a).to(tl.int32), 1)
    return tl.where(bad != 0, float("nan"), tl.max(tl.where(a == a, a, 0.0), 1))


@triton.jit
def extent(w, mask, begin, columns, L, MASK: tl.constexpr, BG: tl.constexpr, BL: tl.constexpr):
    """max(w, 0) and max(-w, 0) [BG]."""
    high, low = tl.zeros((BG, BL), tl.float32), tl.zeros((BG, BL), tl.float32)
    for start in range(0, L, BL):
        x, _ = read(w, mask, begin, columns, start + tl.arange(0, BL), MASK)
        high, low = greater(high, x), greater(low, -x)
    return greatest_of(high), greatest_of(low)


@triton.jit
def number_kept(w, mask, begin, columns, L, MASK: tl.constexpr, BG: tl.constexpr, BL: tl.constexpr):
    """How many weights of each group are kept: i32 [BG]."""
    if MASK:
        number = tl.zeros((BG, BL), tl.int32)
        for start in range(0, L, BL):
            _, kept = read(w, mask, begin, columns, start + tl.arange(0, BL), MASK)
            number += kept.to(tl.int32)
        columns = tl.sum(number, 1)
    return columns


@triton.jit
def total(
    w, mask, begin, columns, L, centre, bar, SIGNED: tl.constexpr, MASK: tl.constexpr,
    BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """The sum f64 [BG] of w, else of |w - centre|, of those above `bar` [BG]."""
    sums = tl.zeros((BG, BL), tl.float64)
    for start in range(0, L, BL):
        x, kept = read(w, mask, begin, columns, start + tl.arange(0, BL), MASK)
        if not SIGNED:
            x = tl.abs(tl.where(kept, x - centre[:, None], 0.0))
            x = tl.where(x - bar[:, None] <= 0, 0.0, x)
        sums += x.to(tl.float64)
    return tl.sum(sums, 1)


@triton.jit
def mean(sums, number):
    """f32 of sums f64 of so many; 0 of none."""
    return (sums / tl.maximum(number, 1).to(tl.float64)).to(tl.float32)


@triton.jit
def number_above(
    w, mask, begin, columns, L, bar, MASK: tl.constexpr, BG: tl.constexpr, BL: tl.constexpr
):
    """How many |w| exceed `bar` [BG]: i32 [BG]."""
    number = tl.zeros((BG, BL), tl.int32)
    for start in range(0, L, BL):
        x, _ = read(w, mask, begin, columns, start + tl.arange(0, BL), MASK)
        # a NaN counts
        number += 1 - (tl.abs(x) - bar[:, None] <= 0).to(tl.int32)
    return tl.sum(number, 1)


@triton.jit
def by_extent(
    high, low, c, GRID: tl.constexpr, ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
    STEPS: tl.constexpr, SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr,
):  # fmt: skip
    """Scale, zero, and whether the scale became 1 because it was 0, [BG], from the range."""
    if ZERO == 0:
        s = stored(tl.div_rn(c * greater(high, low), STEPS), SCALE)
    else:
        s = stored(tl.div_rn(c * (high + low), STEPS), SCALE)
    dead = (s == 0) & (GRID != "half")
    s, z = tl.where(dead, 1.0, s), tl.zeros_like(s)
    if ZERO == 1:
        z = clamped(rounded(LOW + tl.div_rn(c * low, s)), LOW, HIGH)
    if ZERO == 2:
        z = stored(LOW * s + c * low, ZERO_TYPE)
    return s, tl.where(dead, 0.0, z), dead
