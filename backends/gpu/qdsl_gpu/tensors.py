"""Finds the one scale of a tensor inside kernels, from statistics of its parts.

Each program has a part of `span` weights. Kernels that follow each other have the same programs,
and each reads what all of the one before have written: f64 [rows, programs].
"""

import triton
import triton.language as tl

from qdsl_gpu.groups import by_extent, greatest_of, mean
from qdsl_gpu.scales import read_given, to_middle, to_scale


@triton.jit
def part(elements, span):
    """Where the part of a program begins, and how many weights it has, i64 [1]."""
    first = tl.program_id(0).to(tl.int64) * span + tl.zeros((1,), tl.int64)
    return first, tl.minimum(elements - first, span)


@triton.jit
def keep(parts, row, value):
    """Writes what a program has found [1]."""
    to = parts + row * tl.num_programs(0) + tl.program_id(0) + tl.arange(0, 1)
    tl.store(to, value.to(tl.float64))


@triton.jit
def kept(parts, row, SIZE: tl.constexpr):
    """What all programs have written, f64 [1, SIZE]."""
    k, number = tl.arange(0, SIZE)[None, :], tl.num_programs(0)
    return tl.load(parts + row * number + k, mask=k < number, other=0.0)


@triton.jit
def added(parts, row, SIZE: tl.constexpr):
    """The sum of what all programs have written, f64 [1]."""
    return tl.sum(kept(parts, row, SIZE), 1)


@triton.jit
def middle_of_tensor(parts, GRID: tl.constexpr, SIZE: tl.constexpr):
    """The mean of weights that are centred, or the threshold; and how many are kept; [1]."""
    number = added(parts, 1, SIZE).to(tl.int32)
    middle = tl.zeros((1,), tl.float32)
    if GRID == "centred" or GRID == "threshold":
        middle = to_middle(mean(added(parts, 0, SIZE), number), GRID)
    return middle, number


@triton.jit
def find_of_tensor(
    parts, clips, scales, zeros, coefficient, CLIP: tl.constexpr, GIVEN: tl.constexpr,
    GRID: tl.constexpr, ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
    STEPS: tl.constexpr, SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """As `qdsl_gpu.scales.find`, of one group."""
    RANGE: tl.constexpr = GRID == "integer" or GRID == "half" or GRID == "table"
    s, first = tl.zeros((1,), tl.float32), tl.arange(0, 1)
    z, high, low, middle, c = s, s, s, s, s + coefficient
    number, dead = tl.zeros((1,), tl.int32) + 1, s != 0
    if not RANGE:
        middle, number = middle_of_tensor(parts, GRID, SIZE)
    if GIVEN != 0:
        s, z = read_given(scales, zeros, first, first == 0, GIVEN, ZERO, SCALE)
    elif RANGE:
        high = greatest_of(kept(parts, 0, SIZE).to(tl.float32))
        low = greatest_of(kept(parts, 1, SIZE).to(tl.float32))
        if CLIP:
            c = tl.load(clips + first)
        s, z, dead = by_extent(high, low, c, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE)
    else:
        total = added(parts, 2 if GRID == "centred" or GRID == "threshold" else 0, SIZE)
        if GRID == "threshold":
            number = added(parts, 3, SIZE).to(tl.int32)
        s, dead = to_scale(mean(total, number), GRID, SCALE)
    return s, z, dead, high, low, number, middle, c
