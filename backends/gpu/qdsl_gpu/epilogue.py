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
    at = m[None, :].to(tl.int64) * N + n[:, None]
    inside = (m < M)[None, :] & (n < N)[:, None]
    if RESIDUAL:
        value = value + tl.load(residual + at, mask=inside, other=0.0).to(tl.float32)
    tl.store(y + at, value.to(y.dtype.element_ty), mask=inside)


@triton.jit
def of_group(
    scales, zeros, code_sums, sums, group, groups, rows, n, m, valid,
    ZERO: tl.constexpr, OFFSET: tl.constexpr,
):  # fmt: skip
    """What `term_of` needs: scale and zero [n] as stored, Σ codes and Σ q_x i32 [n] and [m].

    Sums of codes of the weight are for an OFFSET of x.
    """
    scale = tl.load(scales + group * rows + n)
    zero = tl.load(zeros + group * rows + n) if ZERO != 0 else n
    codes = tl.load(code_sums + group * rows + n) if OFFSET else n
    return scale, zero, codes, tl.load(sums + m * groups + group, mask=valid, other=0)


@triton.jit
def term_of(
    part, of, offset,
    BITS: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, FACTOR: tl.constexpr,
    ZERO: tl.constexpr, OFFSET: tl.constexpr,
):  # fmt: skip
    """What a group adds: f32(Σ q_x · (q - z)) · s, less f32(Σ q_x) · zs; f32 [n, m].

    part i32 or i64 [n, m] is Σ of products of codes; those of x lack the offset i32 [1] where
    OFFSET, as `fix_rows` says. of: what `of_group` found.
    """
    scale, zero, codes, own = of
    SUM: tl.constexpr = part.dtype
    if OFFSET:
        part = part + (codes.to(SUM) * tl.load(offset))[:, None]
    own = own.to(SUM)[None, :]
    less: tl.constexpr = 128 * MULTIPLE if BITS == 8 else 0
    if ZERO == 1:
        value = part * MULTIPLE - (zero.to(tl.int32) - less)[:, None] * own
    else:
        value = part * MULTIPLE - (CENTRE - less) * own
    value = value.to(tl.float32)
    if FACTOR != 1:
        value = value * FACTOR
    value = value * scale.to(tl.float32)[:, None]
    if ZERO == 2:
        value = value - own.to(tl.float32) * zero.to(tl.float32)[:, None]
    return value


@triton.jit
def term(
    part, scales, zeros, sums, code_sums, offset, group, groups, rows, n, m, valid,
    BITS: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, FACTOR: tl.constexpr,
    ZERO: tl.constexpr, OFFSET: tl.constexpr,
):  # fmt: skip
    """`term_of` a group that is read now."""
    of = of_group(scales, zeros, code_sums, sums, group, groups, rows, n, m, valid, ZERO, OFFSET)
    return term_of(part, of, offset, BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET)
