"""Products of many float rows with codes that were unpacked: 16-bit floats, each of them exact.

As in `linear_float`, scales are applied to sums of a group, and not to codes, so nothing is rounded
before it is summed; rows of x are 1 or 3 planes, and codes, where they are values of a table, up to
3 parts that add up to them.
"""

import triton
import triton.language as tl

from qdsl_gpu.epilogue import finish
from qdsl_gpu.kernel import Kernel, Variant

BAND = 8
"""Tiles of tokens that are multiplied with the same rows before the next rows are read."""


@triton.jit
def dense_float(
    x, codes, scales, zeros, totals, y, bias, residual,
    M, N, first, rows, columns, groups, x_plane, x_row, part,
    SPAN: tl.constexpr, FACTOR: tl.constexpr, ZERO: tl.constexpr,
    PLANES: tl.constexpr, PARTS: tl.constexpr,
    TOKENS: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr, BAND: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """x [planes, M, columns], as far apart as x_plane and x_row say; y [M, N].

    codes [PARTS, some rows, columns], `part` apart, are those of rows `first` … of the weight.
    SPAN is the columns of a group, which BK divides, 0: the row. ZERO 2: zeros times totals f32
    [M, groups], the sums of x, are subtracted.
    """
    token_tile, row_tile = tl.swizzle2d(
        tl.program_id(1), tl.program_id(0), tl.num_programs(1), tl.num_programs(0), BAND
    )
    own = row_tile * BN + tl.arange(0, BN)
    n = first + own
    m = (token_tile * TOKENS + tl.arange(0, TOKENS)).to(tl.int64)
    near = tl.minimum(m, M - 1)  # what is read again is not stored
    x_at = x + (near * x_row)[None, :] + tl.arange(0, BK)[:, None]
    codes_at = codes + (own.to(tl.int64) * columns)[:, None] + tl.arange(0, BK)[None, :]

    sums = tl.zeros((BN, TOKENS), tl.float32)
    for k in range(0, columns, BK):
        value = sums
        if SPAN != 0:
            scale = tl.load(scales + (k // SPAN) * rows + n).to(tl.float32)
            value = tl.zeros((BN, TOKENS), tl.float32)
        for q in tl.static_range(PARTS):
            weight = tl.load(codes_at + q * part + k)
            # of 24 bits with 24 bits, what is below the last bit of the product is left out
            for p in tl.static_range(PLANES if PLANES < 3 - q else 3 - q):
                value = tl.dot(weight, tl.load(x_at + tl.cast(x_plane, tl.int64) * p + k), value)
        # one rounding less, and one instruction for each sum, which nothing else covers
        sums = tl.fma(value, scale[:, None], sums) if SPAN != 0 else value

    if SPAN == 0:
        sums = sums * tl.load(scales + n).to(tl.float32)[:, None]
    if FACTOR != 1:
        sums = sums * FACTOR
    if ZERO == 2:
        for g in range(groups):
            shift = tl.load(zeros + g * rows + n).to(tl.float32)
            sums -= shift[:, None] * tl.load(totals + near * groups + g)[None, :]
    finish(sums, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


def _variant(
    name: str, x: str = "*bf16", *, warps: int = 8, stages: int = 2, **other: object
) -> Variant:
    usual: dict[str, object] = {
        "SPAN": 128, "FACTOR": 1.0, "ZERO": 0, "PLANES": 1, "PARTS": 1,
        "TOKENS": 128, "BN": 128, "BK": 128, "BAND": BAND,
        "BIAS": True, "RELU": False, "RESIDUAL": False,
    }  # fmt: skip
    types = {"x": x, "codes": x, "scales": "*fp16", "zeros": "*fp32", "totals": "*fp32"}
    types |= {"y": "*fp32", "bias": "*fp32", "residual": "*fp32"}
    sizes = ("M", "N", "first", "rows", "columns", "groups", "x_plane", "x_row", "part")
    multiples = ("N", "first", "rows", "columns", "x_plane", "x_row", "part")
    types |= dict.fromkeys(sizes, "i32")
    return Variant(name, types, usual | other, warps, stages, "float", multiples)


KERNEL = Kernel(
    dense_float,
    (
        _variant("group128"),
        _variant("group128_rows64", BN=64),
        _variant("group64_f16", "*fp16", stages=3, SPAN=64, BK=64),
        _variant("row", stages=3, SPAN=0, BK=64),
        _variant("ones", stages=3, SPAN=0, BK=64, M=1, N=1, groups=1),
        _variant("group128_f32", BK=64, PLANES=3, BN=64),
        _variant("float_zero", ZERO=2),
        _variant("table", BK=64, PARTS=3, BN=64),
        _variant("table_f32", BK=32, PLANES=3, PARTS=3, TOKENS=64, BN=64),
    ),
)
