"""Quantizes a weight matrix by its format: mask, scale and zero, codes, and back."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from qdsl.fx.numerics import binary, codebook, floats, groups, integer, learned, ternary
from qdsl.fx.numerics.coder import Coder, Rounder, through
from qdsl.fx.numerics.gradient import masked, quotient
from qdsl.fx.trainers import trainer_of
from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FixedClip,
    FloatGrid,
    IntegerGrid,
    LearnedClip,
    NoClip,
    QuantizedGrid,
    SearchedClip,
    TernaryGrid,
    WeightFormat,
)


@dataclass(frozen=True, slots=True)
class State:
    """What a quantizer reads and never computes.

    mask: bool [N, K], True is kept. clip: f32 [R, G], coefficients found by search. scale, zero:
    f32 [R, G], frozen; of `clip = learned` the parameter that scales are read from. codes: [N, K],
    frozen. codebook: f32 [2^b], values found by k-means.
    """

    mask: Tensor | None = None
    clip: Tensor | None = None
    scale: Tensor | None = None
    zero: Tensor | None = None
    codes: Tensor | None = None
    codebook: Tensor | None = None


@dataclass(frozen=True, slots=True)
class Quantized:
    """codes f32 [N, K] of integers; scale f32 [R, G], R is N or 1; zero like scale or None.

    A float format has its rounded weights as codes and a scale of [0, 0]. codebook f32 [2^b] is
    there where the values of the grid were found.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor | None
    codebook: Tensor | None = None


@dataclass(frozen=True, slots=True)
class _Parts:
    """A masked matrix in groups [R, G, L] with their scale and zero [R, G, 1]."""

    groups: Tensor
    kept: Tensor | None
    scale: Tensor
    zero: Tensor | None
    values: Tensor | None


@torch.no_grad()
def quantize(weight: Tensor, format: WeightFormat, state: State) -> Quantized:
    """Codes, scales and zeros of a matrix f32 [N, K]; those that `state` fixes are read from it.

    A pruned weight has the code of 0, which is never stored.
    """
    grid = format.grid
    if isinstance(grid, FloatGrid):
        fixed = state.codes
        codes = floats.encode(masked(weight, state.mask), grid) if fixed is None else fixed
        return Quantized(codes, weight.new_empty(0, 0), None)
    parts = _parts(weight, grid, format, state)
    if state.codes is not None:
        codes = state.codes.to(torch.float32)
    else:
        found = _coder(parts, grid, format).encode(parts.groups, parts.scale, parts.zero)
        codes = groups.merge(found, weight.shape)
    zero = None if parts.zero is None else parts.zero.squeeze(-1)
    return Quantized(codes, parts.scale.squeeze(-1), zero, _stored_values(parts, grid))


def dequantize(quantized: Quantized, format: WeightFormat, mask: Tensor | None) -> Tensor:
    """The matrix f32 [N, K] that the codes stand for; pruned weights are exactly 0."""
    grid = format.grid
    if isinstance(grid, FloatGrid):
        return quantized.codes
    codes = groups.split(quantized.codes, format.grouping)
    scale = quantized.scale.unsqueeze(-1)
    zero = None if quantized.zero is None else quantized.zero.unsqueeze(-1)
    values = _values(grid, quantized.codebook, scale)
    coder = _coder(_Parts(codes, None, scale, zero, values), grid, format)
    weight = groups.merge(coder.decode(codes, scale, zero), quantized.codes.shape)
    return masked(weight, mask)


def fake_quantize(
    weight: Tensor, format: WeightFormat, state: State, type: torch.dtype = torch.float32
) -> Tensor:
    """`dequantize(quantize(weight))` [N, K], and its gradient for training.

    Numbers are found in f32, and then rounded to `type`.
    """
    if state.codes is None and (kernels := trainer_of(weight)) is not None:
        if (result := kernels.fake_quantize(weight, format, state, type)) is not None:
            return result
    return _fake_quantize(weight, format, state).to(type)


def _fake_quantize(weight: Tensor, format: WeightFormat, state: State) -> Tensor:
    grid = format.grid
    if isinstance(grid, FloatGrid) and state.codes is None:
        return floats.encode(masked(weight, state.mask), grid)
    if isinstance(grid, FloatGrid) or state.codes is not None or not torch.is_grad_enabled():
        return dequantize(quantize(weight, format, state), format, state.mask)
    parts = _parts(weight, grid, format, state)
    if isinstance(grid, BinaryGrid):
        found = binary.through(parts.groups, parts.kept, parts.scale, grid)
    else:
        found = through(parts.groups, parts.scale, parts.zero, _rounder(parts, grid, format))
    return masked(groups.merge(found, weight.shape), state.mask)


def scale_shape(shape: tuple[int, ...] | torch.Size, format: WeightFormat) -> tuple[int, int]:
    """[R, G] for a matrix [N, K]."""
    parts = groups.split(torch.empty(tuple(shape), device="meta"), format.grouping)
    return parts.shape[0], parts.shape[1]


@torch.no_grad()
def step_size(weight: Tensor, grid: QuantizedGrid, format: WeightFormat, state: State) -> Tensor:
    """How far the values of neighbouring codes are apart, of a codebook on average, f32 [R, G]."""
    parts = _parts(weight, grid, format, state)
    scale = parts.scale.squeeze(-1)
    match grid:
        case IntegerGrid() | TernaryGrid():
            return scale
        case BinaryGrid():
            return 2 * scale
        case CodebookGrid(bits):
            assert parts.values is not None
            return scale * quotient(parts.values[-1] - parts.values[0], (1 << bits) - 1)
        case _:
            assert_never(grid)


@torch.no_grad()
def find_codebook(weight: Tensor, format: WeightFormat, mask: Tensor | None) -> Tensor | None:
    """The values f32 [2^b] of a codebook that has none of its own; None of any other grid."""
    grid = format.grid
    if not isinstance(grid, CodebookGrid) or grid.values:
        return None
    parts = groups.split(masked(weight, mask), format.grouping)
    kept = groups.kept(mask, weight, format.grouping)
    return codebook.find(parts, kept, codebook.parameters(parts, format), grid)


def _parts(weight: Tensor, grid: QuantizedGrid, format: WeightFormat, state: State) -> _Parts:
    parts = groups.split(masked(weight, state.mask), format.grouping)
    kept = groups.kept(state.mask, weight, format.grouping)
    scale, zero = _parameters(parts, kept, grid, format, state)
    found = state.codebook
    if found is None and state.codes is None:
        found = find_codebook(weight, format, state.mask)
    return _Parts(parts, kept, scale, zero, _values(grid, found, parts))


def _values(grid: QuantizedGrid, found: Tensor | None, like: Tensor) -> Tensor | None:
    return codebook.values_of(grid, found, like) if isinstance(grid, CodebookGrid) else None


def _stored_values(parts: _Parts, grid: QuantizedGrid) -> Tensor | None:
    return None if isinstance(grid, CodebookGrid) and grid.values else parts.values


def _parameters(
    parts: Tensor, kept: Tensor | None, grid: QuantizedGrid, format: WeightFormat, state: State
) -> tuple[Tensor, Tensor | None]:
    if state.scale is not None:
        scale = state.scale.unsqueeze(-1)
        if isinstance(format.clip, LearnedClip) and isinstance(grid, IntegerGrid):
            scale = learned.scale(scale, parts, kept, grid, format.scale)
        return scale, None if state.zero is None else state.zero.unsqueeze(-1)
    match grid:
        case IntegerGrid():
            return integer.parameters(parts, grid, format, _clip(parts, format, state))
        case TernaryGrid():
            return ternary.parameters(parts, kept, grid, format), None
        case BinaryGrid():
            return binary.parameters(parts, kept, grid, format), None
        case CodebookGrid():
            return codebook.parameters(parts, format), None
        case _:
            assert_never(grid)


def _coder(parts: _Parts, grid: QuantizedGrid, format: WeightFormat) -> Coder:
    if isinstance(grid, BinaryGrid):
        return binary.Binaries(grid, parts.kept)
    return _rounder(parts, grid, format)


def _rounder(
    parts: _Parts, grid: IntegerGrid | TernaryGrid | CodebookGrid, format: WeightFormat
) -> Rounder:
    match grid:
        case IntegerGrid():
            return integer.Integers(grid, format)
        case TernaryGrid():
            return ternary.Ternaries(grid, parts.kept)
        case CodebookGrid():
            assert parts.values is not None
            return codebook.Codebook(parts.values)
        case _:
            assert_never(grid)


def _clip(parts: Tensor, format: WeightFormat, state: State) -> Tensor:
    """The coefficient, f32 broadcasting to [R, G, 1]; a constant for the gradient."""
    match format.clip:
        case FixedClip(coefficient):
            return parts.new_full((), coefficient)
        case SearchedClip() if state.clip is not None:
            return state.clip.unsqueeze(-1)
        case NoClip() | SearchedClip() | LearnedClip():
            return parts.new_ones(())
        case _:
            assert_never(format.clip)
