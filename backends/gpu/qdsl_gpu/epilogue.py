"""Ends a product inside kernels: sums of a group, bias, relu and residual, each step rounded."""

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


@triton.jit
def term(
    part, scales, zeros, sums, code_sums, offset, group, groups, rows, n, m, valid,
    BITS: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, FACTOR: tl.constexpr,
    ZERO: tl.constexpr, OFFSET: tl.constexpr,
):  # fmt: skip
    """What a group adds: f32(Σ q_x · (q - z)) · s, less f32(Σ q_x) · zs; f32 [n, m].

    part is Σ of products of codes. Those of x lack the offset where OFFSET, as `fix_rows` says.
    """
    if OFFSET:
        part = part + (tl.load(code_sums + group * rows + n) * tl.load(offset))[:, None]
    own = tl.load(sums + m * groups + group, mask=valid, other=0)[None, :]
    centre = n * 0 + CENTRE
    if ZERO == 1:
        centre = tl.load(zeros + group * rows + n).to(tl.int32)
    if BITS == 8:
        centre = centre - 128 * MULTIPLE
    value = (part * MULTIPLE - centre[:, None] * own).to(tl.float32)
    if FACTOR != 1:
        value = value * FACTOR
    term = value * tl.load(scales + group * rows + n).to(tl.float32)[:, None]
    if ZERO == 2:
        shift = tl.load(zeros + group * rows + n).to(tl.float32)
        term = term - own.to(tl.float32) * shift[:, None]
    return term
