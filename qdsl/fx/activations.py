"""Rounds activations to dynamic symmetric int8: per token, or per example."""

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import quotient, straight_through

INT8_MAX = 127


def quantize(x: Tensor, activations: str) -> tuple[Tensor, Tensor]:
    """Codes f32 of x [..., K] and scales [..., 1]: a = max|x|, s = a/127, q = round(x·(127/a)).

    `int8_token` takes a over the last axis, `int8_tensor` over all axes but the first. Where a is
    0 or 127/a overflows the codes are 0; where a is not finite they are 0 and s is NaN.
    """
    top = _largest(x, activations)
    multiplier = quotient(INT8_MAX, top)
    multiplier = torch.where(multiplier.isfinite(), multiplier, 0.0)
    finite = top.isfinite()
    codes = torch.where(finite & (multiplier > 0), torch.round(x * multiplier), 0.0)
    return codes, torch.where(finite, quotient(top, INT8_MAX), torch.nan)


def fake_quantize(x: Tensor, activations: str) -> Tensor:
    """`codes · scale` with gradient 1: the scale is a constant and no code is out of range."""
    with torch.no_grad():
        codes, scale = quantize(x, activations)
    return straight_through(x, codes * scale)


def _largest(x: Tensor, activations: str) -> Tensor:
    magnitudes = x.abs()
    match activations:
        case "int8_token":
            return magnitudes.amax(-1, keepdim=True)
        case "int8_tensor":
            axes = tuple(range(1, x.dim()))
            return magnitudes.amax(axes, keepdim=True) if axes else magnitudes.amax(-1, True)
        case _:
            raise ValueError(f"activations `{activations}`")
