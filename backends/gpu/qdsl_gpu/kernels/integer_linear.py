"""Products of int8 codes with packed weights, made to int16 codes of the result.

As in `linear_int8` codes that count from 0 are multiplied as they are, and what they exceed their
values by is taken off the sum of a group. Groups are added in 64 bits, and rounded once.
"""

import triton
import triton.language as tl

from qdsl_gpu.decode import bytes_of_weights, load_step, row_offsets
from qdsl_gpu.integer.sums import bias_of, codes_of, multiplier_of
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def _term(
    part, sums, zeros, mantissa, group, groups, own, rows, per_row, n, m, known, valid,
    BITS: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, ZERO: tl.constexpr,
):  # fmt: skip
    """What a group adds: Σ q_x · (q - z), below 2^31, times its multiplier; i64 [n, m]."""
    total = tl.load(sums + m * groups + group, mask=valid, other=0)[None, :]
    centre = n * 0 + CENTRE
    if ZERO == 1:
        centre = tl.load(zeros + group * rows + n).to(tl.int32)
    if BITS == 8:
        centre = centre - 128 * MULTIPLE
    value = part * MULTIPLE - centre[:, None] * total
    # slots behind the last group are padding
    by = multiplier_of(mantissa, n, known & (group < own), group, per_row)
    return value.to(tl.int64) * by[:, None]


@triton.jit
def _finish(
    t, shift, added, y, n, m, known, valid, N, stride, ADDED: tl.constexpr, ROUND: tl.constexpr
):
    """Stores a tile i64 [n, m] of y [M, N]."""
    inside = known[:, None] & valid[None, :]
    if ADDED:
        t += tl.load(added + m[None, :] * stride + n[:, None], mask=inside, other=0)
    to = y + m[None, :] * N + n[:, None]
    if ROUND:
        tl.store(to, codes_of(t, shift, n, known), mask=inside)
    else:
        tl.store(to, t, mask=inside)


@triton.jit
def integer_linear(
    x, sums, words, zeros, bias, mantissa, shift, added, y,
    M, N, rows, steps, groups, own, columns, first, per_row, stride,
    BITS: tl.constexpr, SPARSE: tl.constexpr, SPAN: tl.constexpr, MULTIPLE: tl.constexpr,
    CENTRE: tl.constexpr, ZERO: tl.constexpr, BIAS: tl.constexpr, ADDED: tl.constexpr,
    ROUND: tl.constexpr, TOKENS: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """x, sums as `integer_rows` makes them; y [M, N] i16, or the sums i64 unless ROUND.

    mantissa i32 [N, per_row], of which the weight's groups are `own` from `first` on; bias i32 [N]
    counts the largest of a row; added i64 [M, N] has rows `stride` apart. Program (i, j) computes
    rows i · BN … of the weight for tokens j · TOKENS …. SPAN is the planes of a group, 0: the row.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    PER_STEP: tl.constexpr = 8 if BITS == 3 or SPARSE else 8 // BITS  # pairs of planes
    COPIES: tl.constexpr = 2 if SPAN == 1 else 1
    FLUSH: tl.constexpr = SPAN // 2 if SPAN > 1 else 1  # pairs of planes of a group

    n = tl.program_id(0) * BN + tl.arange(0, BN)
    m = (tl.program_id(1) * TOKENS + tl.arange(0, TOKENS)).to(tl.int64)
    known, valid = n < N, m < M
    offsets = row_offsets(n, steps, UNITS)
    x_rows = x + m[None, :] * columns + tl.arange(0, 64)[:, None]
    of_groups = mantissa + first

    t = tl.zeros((BN, TOKENS), tl.int64)
    part = tl.zeros((BN, TOKENS), tl.int32)
    for step in range(steps):
        units = load_step(words, offsets, step, BITS, SPARSE)
        for p in tl.static_range(PER_STEP):
            weight = bytes_of_weights(units, p, BITS, SPARSE)
            pair = step * PER_STEP + p
            for copy in tl.static_range(COPIES):
                at = x_rows + (copy * (m * 0 + M) * columns)[None, :] + pair * 64
                tile = tl.load(at, mask=valid[None, :], other=0)
                part = tl.dot(weight, tile, part, out_dtype=tl.int32)
                if SPAN != 0 and FLUSH <= PER_STEP and (p + 1) % FLUSH == 0:
                    group = pair * 2 + copy if SPAN == 1 else pair // FLUSH
                    t += _term(
                        part, sums, zeros, of_groups, group, groups, own, rows, per_row,
                        n, m, known, valid, BITS, MULTIPLE, CENTRE, ZERO,
                    )  # fmt: skip
                    part = tl.zeros((BN, TOKENS), tl.int32)
        if SPAN != 0 and FLUSH > PER_STEP:
            if (step + 1) % (FLUSH // PER_STEP) == 0:
                t += _term(
                    part, sums, zeros, of_groups, step // (FLUSH // PER_STEP), groups, own, rows,
                    per_row, n, m, known, valid, BITS, MULTIPLE, CENTRE, ZERO,
                )  # fmt: skip
                part = tl.zeros((BN, TOKENS), tl.int32)
    if SPAN == 0:
        t = _term(
            part, sums, zeros, of_groups, 0, groups, own, rows, per_row,
            n, m, known, valid, BITS, MULTIPLE, CENTRE, ZERO,
        )  # fmt: skip
    if BIAS:
        t += bias_of(bias, mantissa, n, known, per_row)[:, None]
    _finish(t, shift, added, y, n, m, known, valid, N, stride, ADDED, ROUND)


_POINTERS = {"x": "*i8", "sums": "*i32", "words": "*i32", "zeros": "*u8", "bias": "*i32"}
_POINTERS |= {"mantissa": "*i32", "shift": "*i32", "added": "*i64", "y": "*i16"}
_SIZES = "M N rows steps groups own columns first per_row stride".split()
_ROW = {"BITS": 8, "SPAN": 0, "CENTRE": 128, "groups": 1, "own": 1, "per_row": 1}


def _variant(name: str, stages: int, warps: int = 4, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": 4, "SPARSE": False, "SPAN": 4, "MULTIPLE": 1, "CENTRE": 8, "ZERO": 0,
        "BIAS": True, "ADDED": False, "ROUND": True, "TOKENS": 16, "BN": 64,
    }  # fmt: skip
    types = _POINTERS | dict.fromkeys(_SIZES, "i32")
    types |= {} if other.get("ROUND", True) else {"y": "*i64"}
    multiples = ("N", "rows", "columns", "stride")
    return Variant(name, types, usual | other, warps, stages, "int8", multiples)


KERNEL = Kernel(
    integer_linear,
    (
        _variant("w8", 4, BN=128, **_ROW),
        _variant("w8_tokens128", 3, 8, BN=128, TOKENS=128, **_ROW),
        _variant("w8_sums", 4, BN=128, ADDED=True, ROUND=False, **_ROW),
        _variant("ones", 4, **{**dict.fromkeys(_SIZES, 1), **_ROW}),
        _variant("w4_group32", 4, SPAN=1),
        _variant("w4_tokens64", 3, TOKENS=64),
        _variant("sparse", 2, SPARSE=True),
    ),
)
