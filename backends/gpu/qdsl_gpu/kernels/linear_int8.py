"""Products of rows of int8 with packed weights: sums of integers, and each step after them rounded.

Codes that count from 0 are multiplied as they are; what they exceed their values by is taken off
each sum of a group, with the sum of its activations, which is exact.
"""

import triton
import triton.language as tl

from qdsl_gpu.decode import bytes_of_weights, load_step, row_offsets
from qdsl_gpu.epilogue import finish, of_group, term_of
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.last import is_last, store_part, sum_parts


@triton.jit
def _of_groups(
    scales, zeros, code_sums, sums, first, groups, rows, n, m, valid,
    ZERO: tl.constexpr, OFFSET: tl.constexpr, COUNT: tl.constexpr,
):  # fmt: skip
    """`of_group` for COUNT groups: asked for before the words of their step are decoded."""
    found = ()
    for i in tl.static_range(COUNT):
        each = of_group(
            scales, zeros, code_sums, sums, first + i, groups, rows, n, m, valid, ZERO, OFFSET
        )
        found += (each,)
    return found


@triton.jit
def _flushed(
    t, part, of, offset, parts, index, m, n, M, N,
    BITS: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, FACTOR: tl.constexpr,
    ZERO: tl.constexpr, OFFSET: tl.constexpr, SPLIT: tl.constexpr,
):  # fmt: skip
    """t and the term of a group, which is `of_group`; where SPLIT it is stored instead."""
    value = term_of(part, of, offset, BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET)
    if SPLIT:
        store_part(parts, value, index, m, n, M, N)
    else:
        t += value
    return t


@triton.jit
def _is_end(
    part, parts, counters, m, n, M, N, SPAN: tl.constexpr, SPLIT: tl.constexpr
):  # fmt: skip
    """Stores what is not yet, and says whether this program ends the tile."""
    ends = True
    if SPLIT:
        if SPAN == 0:
            store_part(parts, part, tl.program_id(2), m, n, M, N)
        ends = is_last(counters, tl.num_programs(2))
    return ends


@triton.jit
def _summed(
    t, part, parts, groups, m, n, M, N, SPAN: tl.constexpr, SPLIT: tl.constexpr
):  # fmt: skip
    """t and part of all of K."""
    if SPLIT:
        if SPAN == 0:
            part = sum_parts(parts, tl.num_programs(2), m, n, M, N, part.dtype)
        else:
            t = sum_parts(parts, groups, m, n, M, N, tl.float32)
    return t, part


@triton.jit
def linear_int8(
    x, x_scales, x_sums, offset, words, nothing, code_sums, scales, zeros, parts, counters,
    y, bias, residual,
    M, N, rows, steps, split, groups, columns,
    BITS: tl.constexpr, SPARSE: tl.constexpr, SPAN: tl.constexpr, MULTIPLE: tl.constexpr,
    CENTRE: tl.constexpr, FACTOR: tl.constexpr, ZERO: tl.constexpr, OFFSET: tl.constexpr,
    WIDE: tl.constexpr, SPLIT: tl.constexpr, TOKENS: tl.constexpr, BN: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """y [M, N] = t · s, terms t in ascending order; x, x_scales, x_sums as `round_rows` makes them.

    OFFSET: as `fix_rows` does, with an offset. Program (i, j, k) computes rows i · BN … of the
    weight for tokens j · TOKENS … over `split` steps, the k-th so many: whole groups. SPAN is the
    planes of a group, 0: the row. SPLIT: there are several k; their sums go to parts [k, M, N], or
    those of groups, with their scale, to parts f32 [groups, M, N]; counters i32 are those of
    `is_last`. Sums are i32, or i64 where WIDE. nothing i32 [BN] is 0: see `bytes_of_weights`.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    PER_STEP: tl.constexpr = 8 if BITS == 3 or SPARSE else 8 // BITS  # pairs of planes
    COPIES: tl.constexpr = 2 if SPAN == 1 else 1
    FLUSH: tl.constexpr = SPAN // 2 if SPAN > 1 else 1  # pairs of planes of a group
    LONG: tl.constexpr = FLUSH // PER_STEP if FLUSH > PER_STEP else 1  # steps of a group
    COUNT: tl.constexpr = 0 if SPAN == 0 else PER_STEP * COPIES * LONG // FLUSH  # groups of a step

    n = tl.program_id(0) * BN + tl.arange(0, BN)
    m = tl.program_id(1) * TOKENS + tl.arange(0, TOKENS)
    valid = m < M
    offsets = row_offsets(n, steps, UNITS)
    x_rows = x + m[None, :] * columns + tl.arange(0, 64)[:, None]

    no_bits = tl.load(nothing + tl.arange(0, BN))

    t = tl.zeros((BN, TOKENS), tl.float32)
    SUM: tl.constexpr = tl.int64 if WIDE else tl.int32
    part = tl.zeros((BN, TOKENS), SUM)
    begin = tl.program_id(2) * split
    for step in range(begin, min(begin + split, steps)):
        first = step // LONG * COUNT
        given = _of_groups(
            scales, zeros, code_sums, x_sums, first, groups, rows, n, m, valid,
            ZERO, OFFSET, COUNT,
        )  # fmt: skip
        units = load_step(words, offsets, step, BITS, SPARSE)
        for p in tl.static_range(PER_STEP):
            weight = bytes_of_weights(units, p, BITS, SPARSE, no_bits)
            for copy in tl.static_range(COPIES):
                at = x_rows + copy * M * columns + (step * PER_STEP + p) * 64
                tile = tl.load(at, mask=valid[None, :], other=0)
                if WIDE:
                    part += tl.dot(weight, tile, out_dtype=tl.int32)
                else:
                    part = tl.dot(weight, tile, part, out_dtype=tl.int32)
                if SPAN != 0 and LONG == 1 and (p + 1) % FLUSH == 0:
                    t = _flushed(
                        t, part, given[p * COPIES // FLUSH + copy], offset,
                        parts, first + p * COPIES // FLUSH + copy, m, n, M, N,
                        BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET, SPLIT,
                    )  # fmt: skip
                    part = tl.zeros((BN, TOKENS), SUM)
        if LONG > 1:
            if (step + 1) % LONG == 0:
                t = _flushed(
                    t, part, given[0], offset, parts, first, m, n, M, N,
                    BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET, SPLIT,
                )  # fmt: skip
                part = tl.zeros((BN, TOKENS), SUM)

    if _is_end(part, parts, counters, m, n, M, N, SPAN, SPLIT):
        t, part = _summed(t, part, parts, groups, m, n, M, N, SPAN, SPLIT)
        if SPAN == 0:
            row = of_group(
                scales, zeros, code_sums, x_sums, 0, groups, rows, n, m, valid, ZERO, OFFSET
            )
            t = _flushed(
                t, part, row, offset, parts, 0, m, n, M, N,
                BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET, False,
            )  # fmt: skip
        t = t * tl.load(x_scales + m, mask=valid, other=0.0)[None, :]
        finish(t, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


def _variant(name: str, stages: int = 4, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": 4, "SPARSE": False, "SPAN": 4, "MULTIPLE": 1, "CENTRE": 8, "FACTOR": 1.0,
        "ZERO": 0, "OFFSET": False, "WIDE": False, "SPLIT": False, "TOKENS": 16, "BN": 128,
        "BIAS": True, "RELU": False, "RESIDUAL": False,
    }  # fmt: skip
    pointers = {"x": "*i8", "x_scales": "*fp32", "x_sums": "*i32", "words": "*i32"}
    pointers |= {"offset": "*i32", "code_sums": "*i32", "nothing": "*i32"}
    pointers |= {"scales": "*fp16", "zeros": "*u8", "y": "*fp32", "counters": "*i32"}
    sums = "*i64" if other.get("WIDE") else "*i32"
    pointers |= {"parts": "*fp32" if other.get("SPAN", 4) else sums}
    pointers |= {"bias": "*fp32", "residual": "*fp32"}
    sizes = dict.fromkeys(("M", "N", "rows", "steps", "split", "groups", "columns"), "i32")
    multiples = ("N", "rows", "columns")
    constants = usual | other
    warps = 8 if constants["TOKENS"] == 64 else 4
    narrow = ", narrow" if constants["TOKENS"] == 8 else ""
    return Variant(name, pointers | sizes, constants, warps, stages, f"int8{narrow}", multiples)


KERNEL = Kernel(
    linear_int8,
    (
        _variant("w4"),
        _variant("ones", BITS=8, SPAN=0, CENTRE=128, M=1, N=1, steps=1, split=1, groups=1),
        _variant("w4_tokens16_split", SPLIT=True),
        _variant("w4_split", TOKENS=8, SPLIT=True),
        _variant("w4_row_split", SPAN=0, TOKENS=8, SPLIT=True),
        _variant("w8_split", BITS=8, SPAN=0, CENTRE=128, TOKENS=8, SPLIT=True),
        _variant("w3_split", 2, BITS=3, CENTRE=4, TOKENS=8, SPLIT=True),
        _variant("w2_split", BITS=2, CENTRE=2, TOKENS=8, SPLIT=True),
        _variant("w1_split", 2, BITS=1, MULTIPLE=2, CENTRE=1, TOKENS=8, SPLIT=True),
        _variant("w4_zero", ZERO=1),
        _variant("w4_group32", SPAN=1),
        _variant("w4_offset", OFFSET=True),
        _variant("w8", BITS=8, SPAN=0, CENTRE=128),
        _variant("w8_wide", BITS=8, SPAN=0, ZERO=1, OFFSET=True, WIDE=True, SPLIT=True),
        _variant("w8_tokens64", 3, BITS=8, SPAN=0, CENTRE=128, TOKENS=64),
        _variant("w3", 2, BITS=3, CENTRE=4),
        _variant("sparse", 2, SPARSE=True),
        _variant("w2", BITS=2, CENTRE=2),
        _variant("w1", 2, BITS=1, MULTIPLE=2, CENTRE=1),
    ),
)
