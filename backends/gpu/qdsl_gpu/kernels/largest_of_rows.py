"""Finds the largest magnitudes in parts of rows."""

import triton
import triton.language as tl

from qdsl_gpu.groups import greater, greatest_of
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def largest_of_rows(x, y, M, K, span, BM: tl.constexpr, BL: tl.constexpr):
    """x floats [M, K] → max|x| f32 [M, parts] of parts of `span` columns; NaN where there is one.

    Program (i, j) has BM rows and part j.
    """
    m = tl.program_id(0) * BM + tl.arange(0, BM)
    first = tl.program_id(1) * span
    end = tl.minimum(first + span, K)
    top = tl.zeros((BM, BL), tl.float32)
    for start in range(first, end, BL):
        k = start + tl.arange(0, BL)
        inside = (m < M)[:, None] & (k < end)[None, :]
        given = tl.load(x + m.to(tl.int64)[:, None] * K + k[None, :], mask=inside, other=0.0)
        top = greater(top, tl.abs(given.to(tl.float32)))
    tl.store(y + m * tl.num_programs(1) + tl.program_id(1), greatest_of(top), mask=m < M)


def _variant(name: str, type: str) -> Variant:
    types = {"x": type, "y": "*fp32", "M": "i32", "K": "i32", "span": "i32"}
    return Variant(name, types, {"BM": 1, "BL": 1024}, multiples=("K", "span"))


KERNEL = Kernel(largest_of_rows, (_variant("f32", "*fp32"), _variant("bf16", "*bf16")))
