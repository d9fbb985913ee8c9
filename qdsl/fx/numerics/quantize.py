"""Quantizes a weight matrix by its format: mask, scale and zero, codes, and back."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.fx.numerics import binary, floats, groups, integer, ternary
from qdsl.ir.format import (
    BinaryGrid,
    FixedClip,
    FloatGrid,
    IntegerGrid,
    LearnedClip,
    NoClip,
    SearchedClip,
    TernaryGrid,
    WeightFormat,
)

# 1.00, 0.98, … 0.30
CLIPS = tuple(1 - i / 50 for i in range(36))


@dataclass(frozen=True, slots=True)
class State:
    """What a quantizer reads and never computes.

    mask: bool [N, K], True is kept. clip: f32 [R, G], coefficients found by search. scale, zero:
    f32 [R, G], frozen. codes: [N, K], frozen.
    """

    mask: Tensor | None = None
    clip: Tensor | None = None
    scale: Tensor | None = None
    zero: Tensor | None = None
    codes: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Quantized:
    """codes f32 [N, K] of integers; scale f32 [R, G], R is N or 1; zero like scale or None.

    A float format has its rounded weights as codes and a scale of [0, 0].
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None


def quantize(weight: Tensor, format: WeightFormat, state: State) -> Quantized:
    """Codes, scales and zeros of a matrix f32 [N, K]; those that `state` fixes are read from it.

    A pruned weight has the code of 0, which is never stored. Differentiable.
    """
    masked = weight if state.mask is None else torch.where(state.mask, weight, 0.0)
    if isinstance(format.grid, FloatGrid):
        fixed = state.codes
        codes = floats.encode(masked, format.grid) if fixed is None else fixed
        return Quantized(codes, masked.new_empty(0, 0), None)
    parts = groups.split(masked, format.grouping)
    kept = groups.kept(state.mask, weight, format.grouping)
    scale, zero = _parameters(parts, kept, format, state)
    if state.codes is not None:
        codes = state.codes.to(torch.float32)
    else:
        codes = groups.merge(_encode(parts, kept, scale, zero, format), weight.shape)
    return Quantized(codes, scale.squeeze(-1), None if zero is None else zero.squeeze(-1))


def dequantize(quantized: Quantized, format: WeightFormat, mask: Tensor | None) -> Tensor:
    """The matrix f32 [N, K] that the codes stand for; pruned weights are exactly 0."""
    if isinstance(format.grid, FloatGrid):
        return quantized.codes
    codes = groups.split(quantized.codes, format.grouping)
    scale = quantized.scale.unsqueeze(-1)
    zero = None if quantized.zero is None else quantized.zero.unsqueeze(-1)
    weight = groups.merge(_decode(codes, scale, zero, format), quantized.codes.shape)
    return weight if mask is None else torch.where(mask, weight, 0.0)


def fake_quantize(weight: Tensor, format: WeightFormat, state: State) -> Tensor:
    """`dequantize(quantize(weight))`, f32 [N, K], and its gradient for training."""
    return dequantize(quantize(weight, format, state), format, state.mask)


@torch.no_grad()
def search_clip(weight: Tensor, format: WeightFormat, mask: Tensor | None) -> Tensor:
    """The clip of least squared error, f32 [R, G]; of equal ones the largest.

    Errors are summed in float64 over kept weights.
    """
    best: Tensor | None = None
    least: Tensor | None = None
    target = weight if mask is None else torch.where(mask, weight, 0.0)
    for coefficient in CLIPS:
        clip = torch.full(scale_shape(weight.shape, format), coefficient, device=weight.device)
        result = fake_quantize(weight, format, State(mask, clip))
        error = groups.split((result.double() - target.double()).square(), format.grouping).sum(-1)
        if best is None or least is None:
            best, least = clip, error
        else:
            best = torch.where(error < least, clip, best)
            least = torch.minimum(error, least)
    assert best is not None
    return best


def scale_shape(shape: tuple[int, ...] | torch.Size, format: WeightFormat) -> tuple[int, int]:
    """[R, G] for a matrix [N, K]."""
    parts = groups.split(torch.empty(tuple(shape), device="meta"), format.grouping)
    return parts.shape[0], parts.shape[1]


def check_format(path: str, format: WeightFormat) -> list[Diagnostic]:
    """What this release cannot train of a format that is whole in itself."""
    if not isinstance(format.clip, LearnedClip):
        return []
    message = f"`{path}`: `clip = learned` is not available"
    return [error("Q521", message, help="write `clip = search`")]


def _parameters(
    parts: Tensor, kept: Tensor | None, format: WeightFormat, state: State
) -> tuple[Tensor, Tensor | None]:
    if state.scale is not None:
        return state.scale.unsqueeze(-1), None if state.zero is None else state.zero.unsqueeze(-1)
    grid = format.grid
    match grid:
        case IntegerGrid():
            return integer.parameters(parts, grid, format, _clip(parts, format, state))
        case TernaryGrid():
            return ternary.parameters(parts, kept, grid, format), None
        case BinaryGrid():
            return binary.parameters(parts, kept, grid, format), None
        case FloatGrid():
            raise ValueError("floats have no scale")
        case _:
            assert_never(grid)


def _encode(
    parts: Tensor, kept: Tensor | None, scale: Tensor, zero: Tensor | None, format: WeightFormat
) -> Tensor:
    grid = format.grid
    match grid:
        case IntegerGrid():
            return integer.encode(parts, scale, zero, grid, format)
        case TernaryGrid():
            return ternary.encode(parts, kept, scale, grid)
        case BinaryGrid():
            return binary.encode(parts, kept, grid)
        case FloatGrid():
            raise ValueError("floats have no codes")
        case _:
            assert_never(grid)


def _decode(codes: Tensor, scale: Tensor, zero: Tensor | None, format: WeightFormat) -> Tensor:
    grid = format.grid
    match grid:
        case IntegerGrid():
            return integer.decode(codes, scale, zero, grid, format)
        case TernaryGrid():
            return ternary.decode(codes, scale)
        case BinaryGrid():
            return binary.decode(codes, scale, grid)
        case FloatGrid():
            raise ValueError("floats have no codes")
        case _:
            assert_never(grid)


def _clip(parts: Tensor, format: WeightFormat, state: State) -> Tensor:
    """The coefficient, f32 broadcasting to [R, G, 1]; a constant for the gradient."""
    match format.clip:
        case NoClip():
            return parts.new_ones(())
        case FixedClip(coefficient):
            return parts.new_full((), coefficient)
        case SearchedClip():
            return parts.new_ones(()) if state.clip is None else state.clip.unsqueeze(-1)
        case LearnedClip():
            raise ValueError("a learned clip passed the check of formats")
        case _:
            assert_never(format.clip)
