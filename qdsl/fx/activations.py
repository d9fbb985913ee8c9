"""Rounds activations: to dynamic int8, per token or per example, in static ranges, or to bf16."""

import torch
from torch import Tensor

from qdsl.fx.autocast import product_type
from qdsl.fx.numerics.gradient import quotient, straight_through
from qdsl.fx.numerics.static import centred
from qdsl.fx.trainers import trainer_of
from qdsl.target import STATIC

INT8_MAX = 127
BF16 = "bf16"  # the word


def to_bf16(x: Tensor) -> Tensor:
    """x to the nearest bf16, ties to even, in its own dtype; NaN and Inf stay what they are."""
    return x.to(torch.bfloat16).to(x.dtype)


def quantize(x: Tensor, activations: str) -> tuple[Tensor, Tensor]:
    """Codes f32 of x [..., K] and scales [..., 1]: a = max|x|, s = a/127, q = round(x·(127/a)).

    `int8_token` takes a over the last axis, `int8_tensor` over all axes but the first. Where a is
    0 or 127/a overflows the codes are 0; where a is not finite they are 0 and s is NaN.
    """
    return quantize_over(x, _axes(x, activations))


def quantize_over(x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    """As `quantize`, with one scale for all positions of those axes, which it keeps with size 1."""
    return _rounded(x, _largest(x.abs(), axes))


def _largest(sizes: Tensor, axes: tuple[int, ...]) -> Tensor:
    """0 where there is nothing to be the largest."""
    if not axes:
        return sizes
    return sizes.amax(axes, keepdim=True) if sizes.numel() else sizes.sum(axes, keepdim=True)


def code_range(activations: str) -> tuple[int, int]:
    """(qmin, qmax) of a static word: `int8_static` is narrow, `int8_static_full` not."""
    if activations not in STATIC:
        raise ValueError(f"activations `{activations}`")
    return STATIC[activations]


def round_values(
    x: Tensor, activations: str, scale: Tensor | None = None, zero: Tensor | None = None
) -> Tensor:
    """x rounded, in its type: dynamic `codes · s`, static `s·(q - z)`, `bf16` to nearest."""
    if activations == BF16:
        return to_bf16(x)
    if scale is None:
        codes, scale = quantize(x, activations)
        return (codes * scale).to(x.dtype)
    values = scale * centred(x, scale, zero, code_range(activations))
    return values.to(x.dtype).view(x.shape)


def _rounded(x: Tensor, top: Tensor) -> tuple[Tensor, Tensor]:
    # in bf16 the codes would be others, 128 among them
    x, top = x.float(), top.float()
    multiplier = quotient(INT8_MAX, top)
    multiplier = torch.where(multiplier.isfinite(), multiplier, 0.0)
    finite = top.isfinite()
    codes = torch.where(finite & (multiplier > 0), torch.round(x * multiplier), 0.0)
    return codes, torch.where(finite, quotient(top, INT8_MAX), torch.nan)


def fake_quantize(x: Tensor, activations: str, multiplied: bool = False) -> Tensor:
    """x rounded with gradient 1: a scale is a constant and no code is out of range.

    What is `multiplied` is read by one product only, and comes in the type of that.
    """
    type = product_type(x, multiplied)
    if activations == BF16:
        narrow = x.detach().to(torch.bfloat16)
        return straight_through(x, narrow.to(type))
    return fake_quantize_over(x, _axes(x, activations), type)


def fake_quantize_over(x: Tensor, axes: tuple[int, ...], type: torch.dtype | None = None) -> Tensor:
    """As `fake_quantize`, with the scales of `quantize_over`, in `type` or that of x."""
    type = type or x.dtype
    with torch.no_grad():
        kernels = trainer_of(x)
        found = None if kernels is None else kernels.round_over(x, axes, type)
        if found is None:
            codes, scale = quantize_over(x, axes)
            found = (codes * scale).to(type)
    return straight_through(x, found)


def _axes(x: Tensor, activations: str) -> tuple[int, ...]:
    match activations:
        case "int8_token":
            return (-1,)
        case "int8_tensor":
            return tuple(range(1, x.dim())) or (-1,)
        case _:
            raise ValueError(f"activations `{activations}`")
