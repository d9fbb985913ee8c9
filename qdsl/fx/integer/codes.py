"""Converts between floats, int16 codes of values and the int8 codes that products take."""

import torch
from torch import Tensor

from qdsl.fx.integer.rounding import Multiplier, scaled, shifted
from qdsl.fx.numerics.gradient import quotient

STEPS = 256  # int16 codes in a step of int8
WIDE_MAX = 32767
MASKED = -32768
"""What `where` gives for a constant below the range; a softmax gives it probability 0."""
NARROW_MAX = 127
ONE = NARROW_MAX * STEPS
"""The int16 code of 1 at scale UNIT."""


def wide(x: Tensor) -> Tensor:
    """int16 codes of integers, saturating at ±32767."""
    return x.clamp(-WIDE_MAX, WIDE_MAX).to(torch.int16)


def narrow(codes: Tensor) -> Tensor:
    """int8 codes of int16 ones, saturating at ±127."""
    return shifted(codes.long(), 8).clamp(-NARROW_MAX, NARROW_MAX).to(torch.int8)


def quantize(x: Tensor, scale: Tensor) -> Tensor:
    """int16 codes of f32 x: round(x / (scale / 256)), IEEE f32 division; NaN gives 0."""
    codes = torch.round(quotient(x, scale / STEPS)).nan_to_num(0.0, WIDE_MAX, -WIDE_MAX)
    return wide(codes)


def dequantize(codes: Tensor, scale: Tensor) -> Tensor:
    """f32 codes · (scale / 256), rounded once."""
    return codes.to(torch.float32) * (scale / STEPS)


def recover(x: Tensor, scale: Tensor) -> Tensor:
    """The int16 codes of what `dequantize` gave with that scale, MASKED among them."""
    codes = torch.round(quotient(x, scale / STEPS)).nan_to_num(0.0)
    return codes.clamp(MASKED, WIDE_MAX).to(torch.int16)


def requantized(codes: Tensor, by: Multiplier) -> Tensor:
    """int16 codes in another scale; `by` is the first scale over the second."""
    return wide(scaled(codes.long(), by))
