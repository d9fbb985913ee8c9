"""Rounds values to integers in a static range: its scale and zero point, codes, and gradients."""

from typing import Any

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import quotient
from qdsl.fx.trainers import trainer_of
from qdsl.ir.format import IntegerZero, StaticFormat


def scale_and_zero(low: Tensor, high: Tensor, format: StaticFormat) -> tuple[Tensor, Tensor | None]:
    """Scale and zero f32 of the shape of `low` and `high`, from the range that is to be held.

    Symmetric s = max(-low, high) / qmax, of unsigned codes high / qmax. Asymmetric, the range made
    to contain 0: s = (high - low) / (qmax - qmin), z = round(qmin - low / s). A scale of 0 is 1.
    """
    low, high = low.clamp(max=0.0), high.clamp(min=0.0)
    qmin, qmax = format.grid.qmin, format.grid.qmax
    if not isinstance(format.zero, IntegerZero):
        largest = torch.maximum(-low, high) if format.grid.signed else high
        return _alive(quotient(largest, qmax)), None
    found = quotient(high - low, qmax - qmin)
    scale = _alive(found)
    zero = torch.round(qmin - low / scale).clamp(qmin, qmax)
    return scale, torch.where(found == 0, 0.0, zero)


def _alive(scale: Tensor) -> Tensor:
    return torch.where(scale == 0, 1.0, scale)


def codes(
    x: Tensor, scale: Tensor, zero: Tensor | None, code_range: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """q = clamp(round_half_even(x/s + z), qmin, qmax) as f32, and where nothing was clamped."""
    position = x.float() / scale
    if zero is not None:
        position += zero
    rounded = position.round_()
    found = rounded.clamp(*code_range)
    return found, found == rounded


def centred(x: Tensor, scale: Tensor, zero: Tensor | None, code_range: tuple[int, int]) -> Tensor:
    """q - z of the codes of x, f32 of integers; NaN stays."""
    found, _ = codes(x, scale, zero, code_range)
    return found if zero is None else found - zero


def fake_quantize(
    x: Tensor,
    scale: Tensor,
    zero: Tensor | None,
    code_range: tuple[int, int],
    type: torch.dtype | None = None,
) -> Tensor:
    """s·(q - z) in `type`, or that of x.

    The gradient is 1 where the rounded code lies in [qmin, qmax], 0 where it is clamped.
    """
    type = type or x.dtype
    if (kernels := trainer_of(x)) is not None:
        if (found := kernels.round_range(x, scale, zero, code_range, type)) is not None:
            return found
    result: Tensor = _Rounded.apply(x, scale, zero, code_range, type)  # type: ignore[no-untyped-call]
    return result


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
        found, inside = codes(x, scale, zero, code_range)
        ctx.save_for_backward(inside)
        ctx.type = x.dtype
        if zero is not None:
            found -= zero
        found *= scale
        return found.to(type)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:
        (inside,) = ctx.saved_tensors
        return gradients[0].to(ctx.type) * inside, None, None, None, None


# ---- learned ranges ----------------------------------------------------------------------------


def learned(
    x: Tensor, scale: Tensor, code_range: tuple[int, int], type: torch.dtype | None = None
) -> Tensor:
    """s·q in `type`, or that of x, with a gradient for the scale f32 [1] > 0.

    Signed codes, LSQ (arXiv 1902.08153): ds = Σ g·(q - x/s) inside the range and Σ g·q outside,
    times 1/sqrt(n·qmax) with n the features of x, its last axis. Unsigned codes, PACT (arXiv
    1805.06085), whose clip is α = s·qmax: dα = Σ g over the values that are clamped at α.
    """
    type = type or x.dtype
    if (kernels := trainer_of(x)) is not None:
        if (found := kernels.round_learned(x, scale, code_range, type)) is not None:
            return found
    result: Tensor = _Learned.apply(x, scale, code_range, type)  # type: ignore[no-untyped-call]
    return result


class _Learned(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, scale: Tensor, code_range: tuple[int, int], type: torch.dtype
    ) -> Tensor:
        found, inside = codes(x, scale, None, code_range)
        ctx.code_range = code_range
        ctx.save_for_backward(x, scale, found, inside)
        return (scale * found).to(type)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, scale, found, inside = ctx.saved_tensors
        gradient, (qmin, qmax) = gradients[0], ctx.code_range
        given = gradient.float()
        if qmin < 0:
            slope = torch.where(inside, found - x.float() / scale, found)
            own = (given * slope).sum() / (x.shape[-1] * qmax) ** 0.5
        else:
            own = (given * (found == qmax) * ~inside).sum() * qmax
        return gradient.to(x.dtype) * inside, own.reshape(scale.shape), None, None
