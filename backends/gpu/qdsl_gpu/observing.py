"""Observes static ranges in training on GPUs, and finds their scales."""

import torch
import triton
from torch import Tensor

from qdsl.ir.format import IntegerZero, StaticFormat
from qdsl_gpu.activations import FLOATS
from qdsl_gpu.kernels.range_follow import KERNEL as FOLLOW
from qdsl_gpu.kernels.range_parts import KERNEL as PARTS
from qdsl_gpu.kernels.range_scale import KERNEL as SCALE

_TILE = 1024
_PARTS = 512  # of the values, at most


def observe(x: Tensor, low: Tensor, high: Tensor, momentum: float) -> bool:
    """See `qdsl.target.Trains`."""
    ends = (low, high)
    if x.dtype not in FLOATS or not x.numel() or any(t.dtype != torch.float32 for t in ends):
        return False
    if torch.empty_like(x).stride() != x.stride():
        x = x.contiguous()  # in any order, but without gaps
    span = -(-x.numel() // (_TILE * _PARTS)) * _TILE
    programs = -(-x.numel() // span)
    parts = torch.empty(2, programs, dtype=torch.float32, device=x.device)
    PARTS[programs,](x, parts, x.numel(), span, BLOCK=_TILE)
    size = triton.next_power_of_2(programs)
    FOLLOW[1,](
        parts, low, high, programs, momentum, 1 - momentum, SIZE=size, enable_fp_fusion=False
    )
    return True


def scale_and_zero(
    low: Tensor, high: Tensor, format: StaticFormat
) -> tuple[Tensor, Tensor | None] | None:
    """See `qdsl.target.Trains`."""
    if low.numel() != 1 or high.numel() != 1:
        return None
    has_zero, grid = isinstance(format.zero, IntegerZero), format.grid
    scale = torch.empty(1, dtype=torch.float32, device=low.device)
    zero = torch.empty_like(scale) if has_zero else None
    SCALE[1,](
        low, high, scale, scale if zero is None else zero,
        ZERO=has_zero, SIGNED=grid.signed, LOW=grid.qmin, HIGH=grid.qmax, enable_fp_fusion=False,
    )  # fmt: skip
    return scale, zero
