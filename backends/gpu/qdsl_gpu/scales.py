"""Finds scales and zero points inside kernels, of every grid.

GRID is integer, half (levels q + ½), ternary, threshold (ternary by it), binary, centred (binary
less the mean), table, or float, which has no scale: SCALE is its type. GIVEN: 0 to find them, 1 to
read them, 2 to read those that are learned.
"""

import triton
import triton.language as tl

from qdsl_gpu.groups import by_extent, extent, mean, number_above, number_kept, total
from qdsl_gpu.rounding import stored

_SHARE = tl.constexpr(0.7)  # of mean|w| is the threshold
_SMALLEST = tl.constexpr(2.0**-24)  # of a learned scale


@triton.jit
def read_given(
    scales, zeros, i, inside, GIVEN: tl.constexpr, ZERO: tl.constexpr, SCALE: tl.constexpr
):
    """Scale and zero [BG]."""
    s = tl.load(scales + i, mask=inside, other=1.0)
    z = tl.zeros_like(s)
    if GIVEN == 2:
        s = stored(tl.where(s < _SMALLEST, _SMALLEST, s), SCALE)
    elif ZERO != 0:
        z = tl.load(zeros + i, mask=inside, other=0.0)
    return s, z


@triton.jit
def middle_of(
    w, mask, begin, columns, L, number, GRID: tl.constexpr, MASK: tl.constexpr,
    BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """The mean of weights that are centred, or the threshold, [BG]; else 0."""
    middle = tl.zeros((BG,), tl.float32)
    if GRID == "centred" or GRID == "threshold":
        SIGNED: tl.constexpr = GRID == "centred"
        sums = total(w, mask, begin, columns, L, middle, middle, SIGNED, MASK, BG, BL)
        middle = to_middle(mean(sums, number), GRID)
    return middle


@triton.jit
def to_middle(average, GRID: tl.constexpr):
    """The mean of weights that are centred, or the threshold by the mean of magnitudes."""
    return _SHARE * average if GRID == "threshold" else average


@triton.jit
def by_mean(
    w, mask, begin, columns, L, number, middle, GRID: tl.constexpr, SCALE: tl.constexpr,
    MASK: tl.constexpr, BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """Scale, whether it became 1 because it was 0, and how many weights it is the mean of, [BG]."""
    bar = tl.zeros((BG,), tl.float32)
    centre = middle
    if GRID == "threshold":
        centre, bar = bar, middle
        number = number_above(w, mask, begin, columns, L, bar, MASK, BG, BL)
    sums = total(w, mask, begin, columns, L, centre, bar, False, MASK, BG, BL)
    s, dead = to_scale(mean(sums, number), GRID, SCALE)
    return s, dead, number


@triton.jit
def to_scale(average, GRID: tl.constexpr, SCALE: tl.constexpr):
    """Scale, and whether it became 1 because it was 0."""
    s = stored(average, SCALE)
    # a binary scale of 0 stays: there is no code for 0
    dead = (s == 0) & (GRID != "binary") & (GRID != "centred")
    return tl.where(dead, 1.0, s), dead


@triton.jit
def find(
    w, mask, clips, scales, zeros, i, begin, columns, L, coefficient, inside,
    MASK: tl.constexpr, CLIP: tl.constexpr, GIVEN: tl.constexpr, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, STEPS: tl.constexpr,
    SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr, BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """Of groups [BG]: scale, zero, whether a scale of 0 became 1, and what the gradient goes by.

    Those are max(w, 0), max(-w, 0), how many weights a mean was taken over, the mean or threshold,
    and the clip.
    """
    RANGE: tl.constexpr = GRID == "integer" or GRID == "half" or GRID == "table"
    s = tl.zeros((BG,), tl.float32)
    z, high, low, middle, c = s, s, s, s, s + coefficient
    number, dead = tl.zeros((BG,), tl.int32) + 1, s != 0
    if not RANGE and GRID != "float":
        number = number_kept(w, mask, begin, columns, L, MASK, BG, BL)
        middle = middle_of(w, mask, begin, columns, L, number, GRID, MASK, BG, BL)
    if GIVEN != 0:
        s, z = read_given(scales, zeros, i, inside, GIVEN, ZERO, SCALE)
    elif RANGE:
        high, low = extent(w, mask, begin, columns, L, MASK, BG, BL)
        if CLIP:
            c = tl.load(clips + i, mask=inside, other=1.0)
        s, z, dead = by_extent(high, low, c, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE)
    elif GRID != "float":
        s, dead, number = by_mean(
            w, mask, begin, columns, L, number, middle, GRID, SCALE, MASK, BG, BL
        )
    return s, z, dead, high, low, number, middle, c
