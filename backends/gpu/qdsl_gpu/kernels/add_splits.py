"""Adds the parts of a product, in order, and ends it: of splits along K, or of planes of x."""

import triton
import triton.language as tl

from qdsl_gpu.epilogue import finish
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def add_splits(
    parts, scales, y, bias, residual, M, N, splits, stride, first,
    SCALED: tl.constexpr, FACTOR: tl.constexpr, BN: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """parts f32 [splits, M, outputs from `first` on], rows `stride` apart → y [M, N].

    Where SCALED, times scales [N]. Program (m, i) adds BN outputs of a row.
    """
    own = tl.program_id(1) * BN + tl.arange(0, BN)
    n = first + own
    m = (tl.program_id(0) + tl.arange(0, 1)).to(tl.int64)
    at = m[None, :] * stride + own[:, None]
    inside = (n < N)[:, None]
    value = tl.load(parts + at, mask=inside, other=0.0)
    for _ in range(1, splits):
        at += tl.cast(M, tl.int64) * stride
        value += tl.load(parts + at, mask=inside, other=0.0)
    if SCALED:
        value = value * tl.load(scales + n, mask=n < N, other=0.0).to(tl.float32)[:, None]
    if FACTOR != 1:
        value = value * FACTOR
    finish(value, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


_TYPES = {"parts": "*fp32", "scales": "*fp16", "y": "*fp32", "bias": "*fp32", "residual": "*fp32"}
_SIZES = {"M": "i32", "N": "i32", "splits": "i32", "stride": "i32", "first": "i32"}
_ENDS = {"BIAS": True, "RELU": True, "RESIDUAL": True}


def _variant(name: str, scaled: bool, **ones: int) -> Variant:
    constants = {"SCALED": scaled, "FACTOR": 1.0, "BN": 256, **_ENDS, **ones}
    return Variant(name, _TYPES | _SIZES, constants, multiples=("N", "stride", "first"))


KERNEL = Kernel(
    add_splits,
    (_variant("splits", False), _variant("scaled", True), _variant("ones", False, M=1, N=1)),
)
