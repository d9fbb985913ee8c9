"""Ends a product inside kernels: bias, relu and residual, each step rounded to f32."""

import triton
import triton.language as tl


@triton.jit
def finish(
    value, y, bias, residual, m, n, M, N,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """Stores a tile f32 [n, m] of y [M, N], in the type of y."""
    if BIAS:
        value = value + tl.load(bias + n, mask=n < N, other=0.0).to(tl.float32)[:, None]
    if RELU:
        # a NaN stays one
        value = tl.where(value < 0, 0.0, value)
    at = m[None, :] * N + n[:, None]
    inside = (m < M)[None, :] & (n < N)[:, None]
    if RESIDUAL:
        value = value + tl.load(residual + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + at, value.to(y.dtype.element_ty), mask=inside)
