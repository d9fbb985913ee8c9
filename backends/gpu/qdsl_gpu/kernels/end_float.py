"""Ends products of codes that torch multiplied: adds those of the planes of x, in order."""

import triton
import triton.language as tl

from qdsl_gpu.epilogue import finish
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def end_float(
    parts, scales, y, bias, residual, M, N, planes, stride, first,
    FACTOR: tl.constexpr, BN: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """parts f32 [planes, M, outputs from `first` on], rows `stride` apart → y [M, N].

    Their sum is times scales [N] · FACTOR. Program (m, i) writes BN outputs of a row.
    """
    own = tl.program_id(1) * BN + tl.arange(0, BN)
    n = first + own
    m = (tl.program_id(0) + tl.arange(0, 1)).to(tl.int64)
    at = m[None, :] * stride + own[:, None]
    inside = (n < N)[:, None]
    value = tl.load(parts + at, mask=inside, other=0.0)
    for _ in range(1, planes):
        at += tl.cast(M, tl.int64) * stride
        value += tl.load(parts + at, mask=inside, other=0.0)
    value = value * tl.load(scales + n, mask=n < N, other=0.0).to(tl.float32)[:, None]
    if FACTOR != 1:
        value = value * FACTOR
    finish(value, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


_TYPES = {"parts": "*fp32", "scales": "*fp16", "y": "*fp32", "bias": "*fp32", "residual": "*fp32"}
_SIZES = {"M": "i32", "N": "i32", "planes": "i32", "stride": "i32", "first": "i32"}
_ENDS = {"BIAS": True, "RELU": True, "RESIDUAL": True}


def _variant(name: str, **ones: int) -> Variant:
    constants = {"FACTOR": 1.0, "BN": 256, **_ENDS, **ones}
    return Variant(name, _TYPES | _SIZES, constants, multiples=("N", "stride", "first"))


KERNEL = Kernel(
    end_float,
    (_variant("planes"), _variant("ones", M=1, N=1)),
)
