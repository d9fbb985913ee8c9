"""Ends a product of int8 whose sums another library made, as `linear_int8` would have."""

import triton
import triton.language as tl

from qdsl_gpu.epilogue import finish, term
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def end_int8(
    parts, x_scales, x_sums, offset, code_sums, scales, zeros, y, bias, residual,
    M, N, rows, stride, first,
    BITS: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, FACTOR: tl.constexpr,
    ZERO: tl.constexpr, OFFSET: tl.constexpr, BN: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """parts i32 [M, outputs from `first` on], rows `stride` apart → y [M, N]; one group.

    Program (m, i) ends BN outputs of a row.
    """
    own = tl.program_id(1) * BN + tl.arange(0, BN)
    n = first + own
    m = (tl.program_id(0) + tl.arange(0, 1)).to(tl.int64)
    at = m[None, :] * stride + own[:, None]
    part = tl.load(parts + at, mask=(n < N)[:, None], other=0)
    value = term(
        part, scales, zeros, x_sums, code_sums, offset, 0, 1, rows, n, m, m < M,
        BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET,
    )  # fmt: skip
    value = value * tl.load(x_scales + m)[None, :]
    finish(value, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


_POINTERS = {"parts": "*i32", "x_scales": "*fp32", "x_sums": "*i32", "scales": "*fp16"}
_POINTERS |= dict.fromkeys(("offset", "code_sums"), "*i32")
_POINTERS |= {"zeros": "*u8", "y": "*fp32", "bias": "*fp32", "residual": "*fp32"}
_SIZES = dict.fromkeys(("M", "N", "rows", "stride", "first"), "i32")
_CONSTANTS = {
    "BITS": 4, "MULTIPLE": 1, "CENTRE": 8, "FACTOR": 1.0, "ZERO": 1, "OFFSET": True, "BN": 256,
    "BIAS": True, "RELU": True, "RESIDUAL": True,
}  # fmt: skip

_MULTIPLES = ("N", "rows", "stride", "first")

KERNEL = Kernel(
    end_int8,
    (
        Variant("w4_zero_offset", _POINTERS | _SIZES, _CONSTANTS, multiples=_MULTIPLES),
        Variant("ones", _POINTERS | _SIZES, {**_CONSTANTS, "M": 1, "N": 1}, multiples=_MULTIPLES),
    ),
)
