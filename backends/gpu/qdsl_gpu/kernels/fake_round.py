"""Rounds rows to what their int8 codes stand for, each by its own largest magnitude."""

import triton
import triton.language as tl

from qdsl_gpu.groups import greater, greatest_of
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.rounding import rounded


@triton.jit
def fake_round(x, largest, y, M, K, span, GIVEN: tl.constexpr, BM: tl.constexpr, BL: tl.constexpr):
    """x floats [M, K] → y alike: round(x · (127 / a)) · (a / 127), each step rounded to f32.

    a = max|x| of the row, or largest f32 [M] where GIVEN. Where a is 0 or 127 / a overflows y is 0;
    where a is not finite it is NaN. Program (i, j) has BM rows and `span` columns of them.
    """
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    begin = m.to(tl.int64)[:, None] * K
    if GIVEN:
        top = tl.load(largest + m, mask=m < M, other=0.0)
    else:
        tops = tl.zeros((BM, BL), tl.float32)
        for start in range(0, K, BL):
            k = start + tl.arange(0, BL)
            inside = (m < M)[:, None] & (k < K)[None, :]
            given = tl.load(x + begin + k[None, :], mask=inside, other=0.0)
            tops = greater(tops, tl.abs(given.to(tl.float32)))
        top = greatest_of(tops)
    multiplier = tl.div_rn(127.0, top)
    finite = top < float("inf")
    codes = finite & (multiplier < float("inf"))
    scale = tl.where(finite, tl.div_rn(top, 127.0), float("nan"))[:, None]
    multiplier = tl.where(codes, multiplier, 0.0)[:, None]
    first = tl.program_id(1) * span
    end = tl.minimum(first + span, K)
    for start in range(first, end, BL):
        k = start + tl.arange(0, BL)
        inside = (m < M)[:, None] & (k < end)[None, :]
        given = tl.load(x + begin + k[None, :], mask=inside, other=0.0).to(tl.float32)
        code = tl.where(codes[:, None], rounded(given * multiplier), 0.0)
        tl.store(y + begin + k[None, :], (code * scale).to(y.dtype.element_ty), mask=inside)


def _variant(name: str, type: str, rows: int, block: int, given: bool, y: str = "") -> Variant:
    types = {"x": type, "largest": "*fp32", "y": y or type, "M": "i32", "K": "i32", "span": "i32"}
    constants = {"GIVEN": given, "BM": rows, "BL": block}
    return Variant(name, types, constants, multiples=("K", "span"))


KERNEL = Kernel(
    fake_round,
    (
        _variant("row", "*fp32", 1, 1024, False),
        _variant("row_bf16", "*bf16", 1, 1024, False),
        _variant("row_to_bf16", "*fp32", 1, 1024, False, "*bf16"),
        _variant("rows_of_64", "*fp32", 16, 64, False),
        _variant("given", "*fp32", 1, 1024, True),
    ),
)
