"""Holds the straight-through estimator: a value of the forward pass, the gradient of another."""

from typing import Any

import torch
from torch import Tensor

from qdsl.ir.format import FloatType

DTYPES = {
    FloatType.F32: torch.float32,
    FloatType.F16: torch.float16,
    FloatType.BF16: torch.bfloat16,
}


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight_through(x: Tensor, value: Tensor) -> Tensor:
    """`value` forward, the gradient of `x` backward (arXiv 1308.3432)."""
    result: Tensor = _StraightThrough.apply(x, value)  # type: ignore[no-untyped-call]
    return result


def quotient(a: Tensor | float, b: Tensor | float) -> Tensor:
    """a / b by IEEE; torch itself multiplies by a reciprocal where one side is a number."""
    like = a if isinstance(a, Tensor) else b
    assert isinstance(like, Tensor)
    top, bottom = (x if isinstance(x, Tensor) else like.new_full((), x) for x in (a, b))
    return top / bottom


def rounded(x: Tensor) -> Tensor:
    """To the nearest integer, ties to even; gradient 1."""
    return straight_through(x, torch.round(x))


def stored(x: Tensor, type: FloatType) -> Tensor:
    """f32 values as they come back from storage in that type; gradient 1."""
    if type is FloatType.F32:
        return x
    return straight_through(x, x.detach().to(DTYPES[type]).to(torch.float32))


class _Masked(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, mask: Tensor) -> Tensor:
        ctx.save_for_backward(mask)
        return _keep(x, mask)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (mask,) = ctx.saved_tensors
        return _keep(gradients[0], mask), None


def masked(x: Tensor, mask: Tensor | None) -> Tensor:
    """f32 `x` where `mask`, bool of its shape, is true, and 0 elsewhere; so is its gradient."""
    if mask is None:
        return x
    result: Tensor = _Masked.apply(x, mask)  # type: ignore[no-untyped-call]
    return result


def _keep(x: Tensor, mask: Tensor) -> Tensor:
    # bits of the numbers and'ed with 0 or all ones: many times as fast as torch.where
    ones = mask.view(torch.uint8).to(torch.int32).neg_()
    return ones.bitwise_and_(x.contiguous().view(torch.int32)).view(torch.float32)


def above(x: Tensor, value: Tensor) -> Tensor:
    """f32 `value` where f32 `x` is above 0, else 0; without a gradient."""
    return torch.ops.aten.threshold_backward(value, x, 0.0)  # type: ignore[no-any-return]


def at_zero(x: Tensor, value: Tensor) -> Tensor:
    """f32 `value` where f32 `x`, at most 0, is 0, else 0; without a gradient."""
    # compared with the least f32 below 0; comparisons that give bools are several times slower
    return torch.ops.aten.threshold_backward(value, x, -1e-45)  # type: ignore[no-any-return]


def between(x: Tensor, low: int, high: int, value: Tensor) -> Tensor:
    """f32 `value` where the integers `x`, f32, lie in [low, high], else 0; without a gradient."""
    ends = low - 0.5, high + 0.5
    return torch.ops.aten.hardtanh_backward(value, x, *ends)  # type: ignore[no-any-return]
