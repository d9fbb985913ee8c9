"""Rounds activations in training on GPUs: dynamic int8 rows, and static or learned ranges."""

from math import prod
from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from qdsl_gpu.kernels.fake_range import KERNEL as RANGE
from qdsl_gpu.kernels.fake_range_backward import KERNEL as RANGE_BACKWARD
from qdsl_gpu.kernels.fake_round import KERNEL as ROUND
from qdsl_gpu.kernels.largest_of_rows import KERNEL as LARGEST

FLOATS = {torch.float32, torch.bfloat16, torch.float16}
_TILE = 1024
_LONG = 8192  # rows beyond are divided among programs
_STRICT = {"enable_fp_fusion": False}


# ---- dynamic -----------------------------------------------------------------------------------


def round_over(x: Tensor, axes: tuple[int, ...], type: torch.dtype) -> Tensor | None:
    """See `qdsl.target.Trains`."""
    if not {x.dtype, type} <= FLOATS or not x.numel() or not axes:
        return None
    last = tuple(range(-len(axes), 0))
    moved = x.detach().movedim(axes, last).contiguous()
    y = torch.empty_like(moved, dtype=type)
    _round_rows(moved, y, prod(moved.shape[-len(axes) :]))
    return y.movedim(last, axes)


def _round_rows(x: Tensor, y: Tensor, columns: int) -> None:
    rows = x.numel() // columns
    block = min(_TILE, triton.next_power_of_2(columns))
    span, top = columns, x
    if columns > _LONG:
        span, parts = _LONG, -(-columns // _LONG)
        each = torch.empty(rows, parts, dtype=torch.float32, device=x.device)
        LARGEST[rows, parts](x, each, rows, columns, span, BM=1, BL=block)
        top = each.amax(1)
    many = _TILE // block
    ROUND[-(-rows // many), -(-columns // span)](
        x, top, y, rows, columns, span, GIVEN=columns > _LONG, BM=many, BL=block, **_STRICT
    )


# ---- ranges ------------------------------------------------------------------------------------


def round_range(
    x: Tensor, scale: Tensor, zero: Tensor | None, code_range: tuple[int, int], type: torch.dtype
) -> Tensor | None:
    """See `qdsl.target.Trains`."""
    given = [scale] if zero is None else [scale, zero]
    if not {x.dtype, type} <= FLOATS or not x.numel() or any(t.numel() != 1 for t in given):
        return None
    result: Tensor = _Rounded.apply(x, scale, zero, code_range, type)  # type: ignore[no-untyped-call]
    return result


def round_learned(
    x: Tensor, scale: Tensor, code_range: tuple[int, int], type: torch.dtype
) -> Tensor | None:
    """See `qdsl.target.Trains`."""
    if not {x.dtype, type} <= FLOATS or not x.numel() or scale.numel() != 1:
        return None
    result: Tensor = _Learned.apply(x, scale, code_range, type)  # type: ignore[no-untyped-call]
    return result


def _dense(x: Tensor, type: torch.dtype) -> tuple[Tensor, Tensor]:
    """x with its elements side by side in memory, in any order, and a tensor laid out so."""
    like = torch.empty_like(x, dtype=type)
    return (x if like.stride() == x.stride() else torch.empty_like(x).copy_(x)), like


def _programs(x: Tensor) -> tuple[int]:
    return (-(-x.numel() // _TILE),)


def _run(
    x: Tensor, y: Tensor, scale: Tensor, zero: Tensor | None, kept: Tensor | None,
    code_range: tuple[int, int],
) -> None:  # fmt: skip
    low, high = code_range
    RANGE[_programs(x)](
        x, scale, scale if zero is None else zero, y, y if kept is None else kept, x.numel(),
        ZERO=zero is not None, LOW=low, HIGH=high, KEPT=kept is not None, BLOCK=_TILE, **_STRICT,
    )  # fmt: skip


class _Rounded(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        scale: Tensor,
        zero: Tensor | None,
        code_range: tuple[int, int],
        type: torch.dtype,
    ) -> Tensor:
        x, y = _dense(x, type)
        kept = torch.empty_like(x, dtype=torch.uint8) if ctx.needs_input_grad[0] else None
        _run(x, y, scale, zero, kept, code_range)
        ctx.save_for_backward(kept)
        ctx.type = x.dtype
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (kept,) = ctx.saved_tensors
        dx = torch.empty_like(kept, dtype=ctx.type)
        # one pass: what is narrow becomes wide as it is written
        torch.mul(gradients[0], kept.view(torch.bool), out=dx)
        return dx, None, None, None, None


class _Learned(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, code_range: tuple[int, int], type: torch.dtype
    ) -> Tensor:
        ctx.features, ctx.code_range = x.shape[-1], code_range
        x, y = _dense(x, type)
        _run(x, y, scale, None, None, code_range)
        ctx.save_for_backward(x, scale)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, scale = ctx.saved_tensors
        low, high = ctx.code_range
        given, dx = gradients[0], torch.empty_like(x)
        if given.stride() != x.stride():
            given = torch.empty_like(x, dtype=given.dtype).copy_(given)
        parts = torch.empty(*_programs(x), dtype=torch.float32, device=x.device)
        RANGE_BACKWARD[_programs(x)](
            x, scale, given, dx, parts, x.numel(), LOW=low, HIGH=high, BLOCK=_TILE, **_STRICT
        )
        own = parts.sum() / (ctx.features * high) ** 0.5 if low < 0 else parts.sum() * high
        return dx, own.reshape(scale.shape), None, None
