"""Adds the parts of a product that was split along K, in order, and ends it."""

import triton
import triton.language as tl

from qdsl_gpu.epilogue import finish
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def add_splits(
    parts, y, bias, residual, M, N, splits,
    BN: tl.constexpr, BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """parts f32 [splits, M, N] → y [M, N]; program (i, m) adds BN outputs of a row."""
    n = tl.program_id(0) * BN + tl.arange(0, BN)
    m = tl.program_id(1) + tl.arange(0, 1)
    at = (m[None, :] * N + n[:, None]).to(tl.int64)
    inside = (n < N)[:, None]
    value = tl.load(parts + at, mask=inside, other=0.0)
    for _ in range(1, splits):
        at += M.to(tl.int64) * N
        value += tl.load(parts + at, mask=inside, other=0.0)
    finish(value, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


_TYPES = {"parts": "*fp32", "y": "*fp32", "bias": "*fp32", "residual": "*fp32"}
_SIZES = {"M": "i32", "N": "i32", "splits": "i32"}
_ENDS = {"BIAS": True, "RELU": True, "RESIDUAL": True}

KERNEL = Kernel(
    add_splits, (Variant("all", _TYPES | _SIZES, {"BN": 256, **_ENDS}, multiples=("N",)),)
)
