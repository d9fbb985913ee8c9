"""Rounds values, and multiplies two rounded ones, on GPUs."""

import torch
from torch import Tensor

from qdsl.target import DYNAMIC, FLOATS
from qdsl_gpu.activations import round_over, round_range
from qdsl_gpu.contraction import Contraction
from qdsl_gpu.exact import product
from qdsl_gpu.kernels.matmul_int8 import KERNEL as MATMUL_INT8
from qdsl_gpu.layout import Layout
from qdsl_gpu.ranges import Range
from qdsl_gpu.rows import Rounded, int8_rows

_TILE = 64  # rows and columns of a program
_WIDE = 32768  # products of 255 · 255 whose sum fits 32 bits


def round(
    x: Tensor, activations: str, scale: Tensor | None = None, zero: Tensor | None = None
) -> Tensor:
    """x rounded as the word says, in its type. Raises ValueError for other words."""
    if activations == "bf16":
        return x.to(torch.bfloat16).to(x.dtype)
    found: Tensor | None
    if activations in DYNAMIC:
        rows = x.reshape(x.shape or (1,))
        first = -1 if activations == "int8_token" else 1 - rows.dim()
        found = round_over(rows, tuple(range(first, 0)) or (-1,), x.dtype)
    else:
        within = Range.of(activations, scale, zero)
        found = round_range(x, within.scale, within.zero, (within.low, within.high), x.dtype)
    if found is None and x.numel():
        raise ValueError(f"values of {x.dtype} in `{activations}`")
    return torch.empty_like(x) if found is None else found.view(x.shape)


def matmul(x: Tensor, y: Tensor, equation: str, activations: str, *ranges: Tensor | None) -> Tensor:
    """The einsum of two tensors, in the type of x; both are rounded as the word says.

    f32 and bf16: products summed in f32. Integers: f32(Σ q_x · q_y) · (s_x · s_y), the sum exact;
    `int8_token` has a scale for each line that is summed over, `int8_tensor` one for each example,
    static ranges (left scale and zero, then right) one. Raises ValueError for other words and for
    equations that do not fit.
    """
    axes = Contraction.of(equation, x, y)
    shape = axes.count(axes.batch), axes.count(axes.rows), axes.count(axes.columns)
    if not x.numel() or not y.numel():
        return axes.shaped(x.new_zeros(shape))
    if activations in FLOATS:
        left, right = axes.lines(x, axes.left), axes.lines(y, axes.right)
        if activations == "bf16":
            left, right = left.to(torch.bfloat16), right.to(torch.bfloat16)
        return axes.shaped(product(left, right).to(x.dtype))
    left_scale, left_zero, right_scale, right_zero = (*ranges, *[None] * 4)[:4]
    a = _rounded(axes, x, axes.left, activations, left_scale, left_zero)
    b = _rounded(axes, y, axes.right, activations, right_scale, right_zero)
    z = x.new_empty(shape)
    _multiply(a, b, z, axes.count(axes.summed))
    return axes.shaped(z)


def _multiply(a: Rounded, b: Rounded, z: Tensor, summed: int) -> None:
    """Writes z [batch, rows, columns]."""
    batch, rows, columns = z.shape
    MATMUL_INT8[batch * -(-rows // _TILE), -(-columns // _TILE)](
        a.codes, a.scales, a.sums, a.offset_or_sums, b.codes, b.scales, b.sums, b.offset_or_sums,
        z, rows, columns, summed, a.codes.shape[-1],
        LEFT=a.offset is not None, RIGHT=b.offset is not None, WIDE=summed > _WIDE,
        BR=_TILE, BC=_TILE, BK=_TILE, num_warps=4, enable_fp_fusion=False,
    )  # fmt: skip


def _rounded(
    axes: Contraction,
    of: Tensor,
    letters: str,
    activations: str,
    scale: Tensor | None,
    zero: Tensor | None,
) -> Rounded:
    lines = axes.lines(of, letters).flatten(0, 1)
    given: Tensor | Range | None = None
    if activations == "int8_tensor":
        given = axes.largest(of, letters)
    elif activations != "int8_token":
        given = Range.of(activations, scale, zero)
    return int8_rows(lines, Layout(8, lines.shape[0], lines.shape[1], 0), given)
