"""Products of many rows of int8 with codes of int8: sums of integers, each step after them rounded.

Codes of 8 bits are read where the packed weight has them: a byte each, and 64 columns of 64 rows
together. Others are unpacked to such tiles. The numbers are those of `linear_int8`.
"""

import triton
import triton.language as tl

from qdsl_gpu.epilogue import finish, of_group, term, term_of
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.kernels.dense_float import BAND


@triton.jit
def dense_int8(
    x, x_scales, x_sums, offset, codes, code_sums, scales, zeros, y, bias, residual,
    M, N, first, rows, groups, columns,
    SPAN: tl.constexpr, BITS: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr,
    FACTOR: tl.constexpr, ZERO: tl.constexpr, OFFSET: tl.constexpr, WIDE: tl.constexpr,
    TOKENS: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BAND: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """x, x_scales, x_sums as `round_rows` makes them; y [M, N] = t · s, terms t in ascending order.

    codes [some rows / 64, columns / 64, 64, 64] are those of rows `first` … of the weight. SPAN is
    the columns of a group, 0: the row. Of groups of 32 columns x has two copies, and BK is 64.
    BITS … ZERO are those of `term`: of codes that are centred BITS is 0. WIDE: sums are i64.
    """
    COPIES: tl.constexpr = 2 if SPAN == 32 else 1
    FLUSH: tl.constexpr = SPAN // BK if SPAN > BK else 1  # steps of a group
    token_tile, row_tile = tl.swizzle2d(
        tl.program_id(1), tl.program_id(0), tl.num_programs(1), tl.num_programs(0), BAND
    )
    own = row_tile * BN + tl.arange(0, BN)
    n = first + own
    m = (token_tile * TOKENS + tl.arange(0, TOKENS)).to(tl.int64)
    near = tl.minimum(m, M - 1)  # what is read again is not stored
    k = tl.arange(0, BK)
    x_at = x + (near * columns)[None, :] + k[:, None]
    block = (own // 64).to(tl.int64) * 64 * columns + own % 64 * 64
    codes_at = codes + block[:, None] + (k // 64 * 4096 + k % 64)[None, :]

    t = tl.zeros((BN, TOKENS), tl.float32)
    SUM: tl.constexpr = tl.int64 if WIDE else tl.int32
    part = tl.zeros((BN, TOKENS), SUM)
    for step in range(columns // BK):
        weight = tl.load(codes_at + step * (BK * 64))
        for copy in tl.static_range(COPIES):
            tile = tl.load(x_at + tl.cast(copy * M, tl.int64) * columns + step * BK)
            if SPAN != 0 and FLUSH == 1:
                # read while matrices are multiplied
                of = of_group(
                    scales, zeros, code_sums, x_sums, step * COPIES + copy, groups, rows, n, near,
                    m < M, ZERO, OFFSET,
                )  # fmt: skip
            if WIDE:
                part += tl.dot(weight, tile, out_dtype=tl.int32)
            else:
                part = tl.dot(weight, tile, part, out_dtype=tl.int32)
            if SPAN != 0 and FLUSH == 1:
                t += term_of(part, of, offset, BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET)
                part = tl.zeros((BN, TOKENS), SUM)
        if FLUSH > 1:
            if (step + 1) % FLUSH == 0:
                t += term(
                    part, scales, zeros, x_sums, code_sums, offset, step // FLUSH, groups, rows,
                    n, near, m < M, BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET,
                )  # fmt: skip
                part = tl.zeros((BN, TOKENS), SUM)
    if SPAN == 0:
        t += term(
            part, scales, zeros, x_sums, code_sums, offset, 0, groups, rows,
            n, near, m < M, BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET,
        )  # fmt: skip
    t = t * tl.load(x_scales + near)[None, :]
    finish(t, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


def _variant(name: str, warps: int = 8, stages: int = 3, **other: object) -> Variant:
    usual: dict[str, object] = {
        "SPAN": 128, "BITS": 0, "MULTIPLE": 1, "CENTRE": 0, "FACTOR": 1.0, "ZERO": 0,
        "OFFSET": False, "WIDE": False,
        "TOKENS": 128, "BN": 128, "BK": 128, "BAND": BAND,
        "BIAS": True, "RELU": False, "RESIDUAL": False,
    }  # fmt: skip
    types = {"x": "*i8", "x_scales": "*fp32", "x_sums": "*i32", "codes": "*i8", "scales": "*fp16"}
    types |= dict.fromkeys(("offset", "code_sums"), "*i32")
    types |= {"zeros": "*u8", "y": "*fp32", "bias": "*fp32", "residual": "*fp32"}
    types |= dict.fromkeys(("M", "N", "first", "rows", "groups", "columns"), "i32")
    multiples = ("N", "first", "rows", "columns")
    return Variant(name, types, usual | other, warps, stages, "int8", multiples)


_W8 = {"BITS": 8, "CENTRE": 128}

KERNEL = Kernel(
    dense_int8,
    (
        _variant("group128"),
        _variant("group256", SPAN=256),
        _variant("group32", SPAN=32, BK=64),
        _variant("w8", SPAN=0, **_W8),
        _variant("w8_zero", **_W8, ZERO=1, BN=64),
        _variant("w8_offset", SPAN=0, **_W8, OFFSET=True, BN=64),
        _variant("w8_wide", 4, 2, **_W8, ZERO=1, OFFSET=True, WIDE=True, TOKENS=64, BN=64),
        _variant("ones", SPAN=0, **_W8, M=1, N=1, groups=1),
    ),
)
