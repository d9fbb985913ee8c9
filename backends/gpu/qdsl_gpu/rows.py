"""Prepares rows for products: floats in planes of 16 bits, or rounded to int8."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from qdsl_gpu.decode import exponent_of
from qdsl_gpu.kernels.round_rows import KERNEL as ROUND_ROWS
from qdsl_gpu.kernels.split_rows import KERNEL as SPLIT_ROWS
from qdsl_gpu.layout import PLANE, Layout

_HALVES = (torch.bfloat16, torch.float16)
_BLOCK = 512


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of 16-bit floats [planes, M, columns] or [M, columns], whose planes add up to them."""

    values: Tensor
    planes: int
    plane_stride: int
    row_stride: int


@cache
def exponents(bits: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """What kernels put codes of a 16-bit float under, once for each row of a tile: i32 [256]."""
    value = exponent_of(bits, dtype is torch.bfloat16)
    return torch.full((256,), value, dtype=torch.int32, device=device)


@dataclass(frozen=True, slots=True)
class Rounded:
    """Codes i8 [copies, M, columns], scales f32 [M], sums of codes i32 [M, groups]."""

    codes: Tensor
    scales: Tensor
    sums: Tensor


def float_rows(x: Tensor, layout: Layout, *, to_bf16: bool, in_bf16: bool) -> Rows:
    """x [M, K] at the places of a weight's columns; exact unless it is rounded `to_bf16`.

    It is taken as it is where that will do. `in_bf16`: f16 will not.
    """
    exact = x.dtype is torch.bfloat16 or (x.dtype is torch.float16 and not in_bf16 and not to_bf16)
    if exact and layout.is_plain and x.stride(-1) == 1:
        return Rows(x, 1, 0, x.stride(0))
    planes = 1 if to_bf16 or exact else 3
    tokens = x.shape[0]
    dtype = x.dtype if exact else torch.bfloat16
    values = x.new_empty(planes, tokens, layout.columns, dtype=dtype)
    x = x if x.stride(-1) == 1 else x.contiguous()
    SPLIT_ROWS[tokens, -(-layout.columns // _BLOCK)](
        x, values, tokens, layout.in_features, x.stride(0), layout.columns, *_groups(layout),
        PLANES=planes, BLOCK=_BLOCK,
    )  # fmt: skip
    return Rows(values, planes, values.stride(0), layout.columns)


def int8_rows(x: Tensor, layout: Layout, largest: Tensor | None = None) -> Rounded:
    """x [M, K] rounded, each row by its largest magnitude, or by `largest` f32 [M]."""
    tokens = x.shape[0]
    copies = 2 if layout.span == PLANE else 1
    codes = x.new_empty(copies, tokens, layout.columns, dtype=torch.int8)
    scales = x.new_empty(tokens, dtype=torch.float32)
    per_group = layout.span or layout.columns
    sums = x.new_empty(tokens, layout.columns // per_group, dtype=torch.int32)
    x = x if x.stride(-1) == 1 else x.contiguous()
    ROUND_ROWS[tokens,](
        x, scales if largest is None else largest, codes, scales, sums, tokens,
        layout.in_features, x.stride(0), layout.columns, *_groups(layout), per_group,
        GIVEN=largest is not None, COPIES=copies, BLOCK=min(1024, per_group & -per_group),
        enable_fp_fusion=False,
    )  # fmt: skip
    return Rounded(codes, scales, sums)


def _groups(layout: Layout) -> tuple[int, int]:
    """Columns of a group, and how far apart groups begin."""
    if layout.span:
        return layout.group, layout.span
    return layout.in_features, layout.columns
