"""Multiplies batches of matrices of int16 codes, as int8 codes, and makes codes of the sums."""

import triton
import triton.language as tl

from qdsl_gpu.integer.rounding import narrow, number, scaled, wide
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def integer_einsum(
    a, b, mantissa, shift, y, inner, M, N, K,
    a0, a1, a_m, a_k, b0, b1, b_n, b_k, y0, y1, y_m, y_n,
    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """a i16 [outer, inner, M, K] · b i16 [outer, inner, N, K] → y i16 [outer, inner, M, N].

    All have strides. Program (b, i, j) computes BM rows and BN columns of batch b.
    """
    outer = (tl.program_id(0) // inner).to(tl.int64)
    within = (tl.program_id(0) % inner).to(tl.int64)
    m = tl.program_id(1) * BM + tl.arange(0, BM)
    n = tl.program_id(2) * BN + tl.arange(0, BN)
    k = tl.arange(0, BK)
    of_a = a + outer * a0 + within * a1 + m.to(tl.int64)[:, None] * a_m
    of_b = b + outer * b0 + within * b1 + n.to(tl.int64)[None, :] * b_n
    total = tl.zeros((BM, BN), tl.int32)
    for start in range(0, K, BK):
        at = (start + k).to(tl.int64)
        there = start + k < K
        left = tl.load(of_a + (at * a_k)[None, :], mask=(m < M)[:, None] & there[None, :], other=0)
        right = tl.load(of_b + (at * b_k)[:, None], mask=there[:, None] & (n < N)[None, :], other=0)
        left, right = narrow(left).to(tl.int8), narrow(right).to(tl.int8)
        total = tl.dot(left, right, total, out_dtype=tl.int32)
    value = wide(scaled(total.to(tl.int64), number(mantissa), number(shift)))
    to = y + outer * y0 + within * y1
    to += m.to(tl.int64)[:, None] * y_m + n.to(tl.int64)[None, :] * y_n
    tl.store(to, value, mask=(m < M)[:, None] & (n < N)[None, :])


_POINTERS = {"a": "*i16", "b": "*i16", "mantissa": "*i32", "shift": "*i32", "y": "*i16"}
_SIZES = "inner M N K a0 a1 a_m a_k b0 b1 b_n b_k y0 y1 y_m y_n".split()


def _variant(name: str, columns: int, **ones: int) -> Variant:
    types = _POINTERS | dict.fromkeys(_SIZES, "i32")
    tile = {"BM": 64, "BN": columns, "BK": 64}
    multiples = tuple(s for s in _SIZES if "_" in s or s[1:] in ("0", "1"))
    return Variant(name, types, tile | ones, 4, 3, "int8", multiples)


KERNEL = Kernel(
    integer_einsum,
    (
        _variant("scores", 64, a_k=1, b_k=1, y_n=1),
        _variant("few_columns", 16, a_k=1, b_k=1, y_m=1),
        _variant("ones", 16, **dict.fromkeys(_SIZES, 1)),
    ),
)
