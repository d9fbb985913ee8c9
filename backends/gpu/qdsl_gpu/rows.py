"""Prepares rows for products: floats in planes of 16 bits, or rounded to int8."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from qdsl_gpu.decode import exponent_of
from qdsl_gpu.kernels.fix_rows import KERNEL as FIX_ROWS
from qdsl_gpu.kernels.round_rows import KERNEL as ROUND_ROWS
from qdsl_gpu.kernels.split_rows import KERNEL as SPLIT_ROWS
from qdsl_gpu.layout import PLANE, Layout
from qdsl_gpu.ranges import Range

_BLOCK = 512
_CODES = 1024  # that a program rounds at once
_FEW = 16  # rows, whose groups are divided among programs: each finds the largest magnitude again


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
    return _made(torch.full((256,), value, dtype=torch.int32), device)


@cache
def nothing(device: torch.device) -> Tensor:
    """What kernels join to codes of bytes: zeros i32 [256]."""
    return _made(torch.zeros(256, dtype=torch.int32), device)


def _made(values: Tensor, device: torch.device) -> Tensor:
    """Copied, it is there when this returns, for kernels on every stream.

    Were it filled on the device, a CUDA graph that is the first to ask would fill it only when it
    is replayed.
    """
    return values.to(device)


@dataclass(frozen=True, slots=True)
class Rounded:
    """Codes i8 [copies, M, columns], scales f32 [M], sums of codes i32 [M, groups].

    Where there is an offset i32 [1], each code lacks it; the sums do not.
    """

    codes: Tensor
    scales: Tensor
    sums: Tensor
    offset: Tensor | None = None

    @property
    def largest(self) -> int:
        """The largest magnitude of what is summed: codes, with their offset."""
        return 128 if self.offset is None else 255

    @property
    def offset_or_sums(self) -> Tensor:
        """The offset for kernels, which do not read it where there is none."""
        return self.sums if self.offset is None else self.offset


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
        x, values, tokens, layout.in_features, x.stride(0), layout.columns, *layout.spacing,
        PLANES=planes, SPARSE=layout.sparse, BLOCK=_BLOCK,
    )  # fmt: skip
    return Rows(values, planes, values.stride(0), layout.columns)


def int8_rows(x: Tensor, layout: Layout, given: Tensor | Range | None = None) -> Rounded:
    """x [M, K] rounded, each row by its largest magnitude, by `given` f32 [M], or in a range."""
    tokens = x.shape[0]
    copies = 2 if layout.span == PLANE else 1
    codes = x.new_empty(copies, tokens, layout.columns, dtype=torch.int8)
    scales = x.new_empty(tokens, dtype=torch.float32)
    per_group = layout.span or layout.columns
    sums = x.new_empty(tokens, layout.columns // per_group, dtype=torch.int32)
    x = x if x.stride(-1) == 1 else x.contiguous()
    sizes = tokens, layout.in_features, x.stride(0), layout.columns, *layout.spacing, per_group
    block = min(_CODES, per_group & -per_group)
    ways = {"COPIES": copies, "SPARSE": layout.sparse, "BLOCK": block}
    if not isinstance(given, Range):
        lines, groups = _CODES // block, sums.shape[1]
        own = lines if tokens <= _FEW else groups
        ROUND_ROWS[tokens, -(-groups // own)](
            x, scales if given is None else given, codes, scales, sums, *sizes, own,
            GIVEN=given is not None, LINES=lines, **ways, enable_fp_fusion=False,
        )  # fmt: skip
        return Rounded(codes, scales, sums)
    offset = sums.new_empty(1) if given.is_shifted else None
    FIX_ROWS[tokens,](
        x, given.scale, given.zero_or_scale, codes, scales, sums,
        sums if offset is None else offset, *sizes,
        ZERO=given.zero is not None, LOW=given.low, HIGH=given.high,
        SHIFTED=given.is_shifted, ORIGIN=given.origin, **ways, enable_fp_fusion=False,
    )  # fmt: skip
    return Rounded(codes, scales, sums, offset)
