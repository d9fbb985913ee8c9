"""Products of up to four float rows with a codebook's weights, without matrix instructions.

Each thread holds a word of some rows and keeps a sum for each: a code is looked up in the table of
values, which the lanes of a warp hold, and the value multiplied by x, both f32, with one rounding.
Sums of words are scaled group by group, and added up once, at the end.
"""

from typing import Any

import triton
import triton.language as tl

from qdsl_gpu.decode import load_step
from qdsl_gpu.epilogue import finish
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.last import is_last, store_part, sum_parts


@triton.jit
def _number(units, PLANE: tl.constexpr, HALF: tl.constexpr, BITS: tl.constexpr):
    """Numbers i32 whose lowest BITS are codes: of a plane, in one half of each word."""
    PIECE: tl.constexpr = 2 if BITS == 3 else BITS
    FIELDS: tl.constexpr = 16 // PIECE  # of half a word
    i: tl.constexpr = PLANE % FIELDS
    number = units[PLANE // FIELDS] >> (PIECE * (i // 2) + 8 * (i % 2) + 16 * HALF)
    if BITS == 3:
        at: tl.constexpr = PLANE // 2 + 8 * (PLANE % 2) + 16 * HALF - 2
        third = units[2] >> at if at >= 0 else units[2] << -at
        number = (number & 3) | (third & -4)
    return number


@triton.jit
def _looked_up(values, number):
    """What values [n / 2, 32], the table as often as it goes into 32, hold for numbers [n, 16].

    A warp holds them in its lanes, and words of two rows: each finds its value by one shuffle. The
    lane is 5 bits of the number, of which those above a code may be anything.
    """
    number = number.reshape(number.shape[0] // 2, 32) & 31
    return tl.gather(values, number, 1).reshape(2 * number.shape[0], 16)


@triton.jit
def _plane_of_x(
    row, place, K, group, inside,
    SPAN: tl.constexpr, PLAIN: tl.constexpr, TO_BF16: tl.constexpr,
):  # fmt: skip
    """The two columns of each word in a plane of one row of x, f32 [16] and f32 [16].

    place: the first column of the plane, with groups as they are padded. `inside`: whether there is
    such a row.
    """
    at = tl.arange(0, 32)
    if PLAIN:
        value = tl.load(row + place + at, mask=inside, other=0.0)
    else:
        begin = place % (SPAN * 32) if SPAN else place
        k = (place // (SPAN * 32) * group if SPAN else 0) + begin + at
        value = tl.load(row + k, mask=(begin + at < group) & (k < K) & inside, other=0.0)
    value = value.to(tl.float32)
    if TO_BF16:
        value = value.to(tl.bfloat16).to(tl.float32)
    return tl.split(value.reshape(16, 2))


@triton.jit
def _scaled(sums, parts, scale, FEW: tl.constexpr):
    """Sums of each token, and parts times a scale [n]."""
    found = ()
    for m in tl.static_range(FEW):
        found += (tl.fma(parts[m], tl.broadcast_to(scale[:, None], parts[m].shape), sums[m]),)
    return found


@triton.jit
def _added(sums, parts, FEW: tl.constexpr):
    found = ()
    for m in tl.static_range(FEW):
        found += (sums[m] + parts[m],)
    return found


@triton.jit
def _zeros(BN: tl.constexpr, FEW: tl.constexpr):
    found = ()
    for _ in tl.static_range(FEW):
        found += (tl.zeros((BN, 16), tl.float32),)
    return found


@triton.jit
def _multiplied(parts, value, x, FEW: tl.constexpr):
    """Parts of each token, and values [n, 16] times its x [16]."""
    found = ()
    for m in tl.static_range(FEW):
        found += (tl.fma(value, tl.broadcast_to(x[m][None, :], value.shape), parts[m]),)
    return found


@triton.jit
def _rows_of_x(
    x, M, x_row, place, K, group,
    SPAN: tl.constexpr, PLAIN: tl.constexpr, TO_BF16: tl.constexpr, FEW: tl.constexpr,
):  # fmt: skip
    """A plane of every token: of low halves, and of high ones."""
    low, high = (), ()
    for m in tl.static_range(FEW):
        row = x + tl.cast(x_row, tl.int64) * m
        even, odd = _plane_of_x(row, place, K, group, m < M, SPAN, PLAIN, TO_BF16)
        low += (even,)
        high += (odd,)
    return low, high


@triton.jit
def _scale_of(scales, plane, planes, n, rows, SPAN: tl.constexpr):
    """The scale f32 [n] of the group of a plane, of the last where there are no more planes."""
    group = min(plane, planes - 1) // SPAN if SPAN else 0
    return tl.load(scales + group * rows + n).to(tl.float32)


@triton.jit
def linear_table(
    x, words, scales, table, parts, counters, y, bias, residual,
    M, N, K, rows, steps, split, group, x_row,
    BITS: tl.constexpr, SPAN: tl.constexpr, PLAIN: tl.constexpr, TO_BF16: tl.constexpr,
    SPLIT: tl.constexpr, FEW: tl.constexpr, BN: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """x floats [M, K], M up to FEW, rows x_row apart, rounded TO_BF16; y [M, N].

    Program (i, 0, k) computes rows i · BN … of the weight over `split` steps, the k-th so many.
    SPAN is the planes of a group, 0: the row; PLAIN: no group is padded. SPLIT: there are several
    k, whose sums go to parts f32 [k, M, N]; counters i32 are those of `is_last`.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 else 1
    PER_STEP: tl.constexpr = 16 if BITS == 3 else 16 // BITS  # planes
    FLUSH: tl.constexpr = PER_STEP if SPAN == 0 or SPAN > PER_STEP else SPAN
    ROWS: tl.constexpr = 64  # of a slab of words

    row = tl.arange(0, BN)
    n = tl.program_id(0) * BN + row
    # what all rows have in common is added to the pointer, so that others are constants away;
    # rows >> 31 is 0, but nothing is known of it: words that are known to be aligned would be
    # loaded by fours, and go through shared memory to the lanes that look them up
    slab = tl.cast(steps, tl.int64) * (UNITS * 1024)
    words += slab * (tl.program_id(0) * (BN // ROWS)) + (rows >> 31)
    offsets = slab * (row // ROWS) + row % ROWS * 16
    values = tl.load(table + (tl.arange(0, 32) & ((1 << BITS) - 1)))
    values = tl.broadcast_to(values[None, :], (BN // 2, 32))
    sums = _zeros(BN, FEW)
    begin = tl.program_id(2) * split
    end = min(begin + split, steps)
    # words are asked for a step before they are needed, scales a group
    units = load_step(words + begin * (UNITS * 1024), offsets, 0, BITS, False)
    scale = _scale_of(scales, begin * PER_STEP, end * PER_STEP, n, rows, SPAN)
    for step in range(begin, end):
        now, after = units, min(step + 1, end - 1)
        units = load_step(words + after * (UNITS * 1024), offsets, 0, BITS, False)
        part = _zeros(BN, FEW)
        for p in tl.static_range(PER_STEP):
            place = (step * PER_STEP + p) * 32
            low, high = _rows_of_x(x, M, x_row, place, K, group, SPAN, PLAIN, TO_BF16, FEW)
            part = _multiplied(part, _looked_up(values, _number(now, p, 0, BITS)), low, FEW)
            part = _multiplied(part, _looked_up(values, _number(now, p, 1, BITS)), high, FEW)
            if SPAN != 0 and (p + 1) % FLUSH == 0:
                sums = _scaled(sums, part, scale, FEW)
                plane = step * PER_STEP + p + 1
                scale = _scale_of(scales, plane, end * PER_STEP, n, rows, SPAN)
                part = _zeros(BN, FEW)
        if SPAN == 0:
            sums = _added(sums, part, FEW)

    if SPAN == 0:
        sums = _scaled(_zeros(BN, FEW), sums, scale, FEW)
    m = tl.arange(0, FEW)
    total = tl.zeros((BN, FEW), tl.float32)
    for i in tl.static_range(FEW):
        total = tl.where(m[None, :] == i, tl.sum(sums[i], 1)[:, None], total)
    if SPLIT:
        store_part(parts, total, tl.program_id(2), m, n, M, N)
        if is_last(counters, tl.num_programs(2)):
            total = sum_parts(parts, tl.num_programs(2), m, n, M, N, tl.float32)
            finish(total, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)
    else:
        finish(total, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


def _variant(name: str, x: str = "*bf16", **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": 4, "SPAN": 2, "PLAIN": True, "TO_BF16": False,
        "SPLIT": True, "FEW": 1, "BN": 128,
        "BIAS": True, "RELU": False, "RESIDUAL": False,
    }  # fmt: skip
    pointers = {"x": x, "words": "*i32", "scales": "*fp16", "table": "*fp32", "parts": "*fp32"}
    pointers |= {"counters": "*i32", "y": "*fp32", "bias": "*fp32", "residual": "*fp32"}
    names = ("M", "N", "K", "rows", "steps", "split", "group", "x_row")
    multiples = ("N", "K", "rows", "group", "x_row")
    constants = usual | other
    return Variant(name, pointers | dict.fromkeys(names, "i32"), constants, 4, 1, "", multiples)


_ONES: dict[str, Any] = dict.fromkeys(("M", "N", "K", "steps", "split", "group", "x_row"), 1)
KERNEL = Kernel(
    linear_table,
    (
        _variant("nf4", "*fp32", M=1),
        _variant("nf4_tokens4", "*fp32", FEW=4, BN=64),
        _variant("kmeans3_padded", BITS=3, SPAN=0, PLAIN=False, TO_BF16=True, FEW=2, BN=64),
        _variant("ones", BITS=2, SPAN=0, PLAIN=False, SPLIT=False, BN=64, **_ONES),
    ),
)
