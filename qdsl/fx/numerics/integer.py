"""Rounds weights to b-bit integers: scale and zero from the range, then codes."""

from typing import assert_never

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import quotient, rounded, stored
from qdsl.fx.numerics.groups import extent, largest
from qdsl.ir.format import FloatZero, IntegerGrid, IntegerZero, Levels, Symmetric, WeightFormat


def parameters(
    groups: Tensor, grid: IntegerGrid, format: WeightFormat, clip: Tensor
) -> tuple[Tensor, Tensor | None]:
    """Scale and zero [R, G, 1] of groups [R, G, L], rounded to their stored types.

    With c the clip: symmetric s = c·max|w| / qmax (half levels: / (2^(b-1) - ½)); asymmetric
    s = c·(max - min) / (2^b - 1) over the range with 0, z = round(qmin - c·min/s) as an integer,
    and the product zs = qmin·s - c·min as a float.
    """
    zero = format.zero
    low, high = code_range(grid, format)
    if isinstance(zero, Symmetric):
        steps = grid.qmax + 0.5 if grid.levels is Levels.HALF else grid.qmax
        scale = stored(quotient(clip * largest(groups), steps), format.scale)
        return scale if grid.levels is Levels.HALF else torch.where(scale == 0, 1.0, scale), None
    smallest, greatest = extent(groups)
    scale = stored(quotient(clip * (greatest - smallest), high - low), format.scale)
    # a scale that rounds to 0 becomes 1, with which every code is 0 and stands for 0
    dead = scale == 0
    scale = torch.where(dead, 1.0, scale)
    match zero:
        case IntegerZero():
            offset = rounded(low - clip * smallest / scale).clamp(low, high)
        case FloatZero(type):
            offset = stored(low * scale - clip * smallest, type)
        case _:
            assert_never(zero)
    return scale, torch.where(dead, 0.0, offset)


def encode(
    groups: Tensor, scale: Tensor, zero: Tensor | None, grid: IntegerGrid, format: WeightFormat
) -> Tensor:
    """q = clamp(round_half_even(w/s + z), qmin, qmax), f32 [R, G, L].

    The gradient passes where the rounded code lies in [qmin, qmax], ends included.
    """
    low, high = code_range(grid, format)
    if grid.levels is Levels.HALF and zero is None:
        # a scale of 0 stays: half levels have no code for 0, and 0·(q + ½) is the weight
        safe = torch.where(scale == 0, 1.0, scale)
        codes = rounded(groups / safe - 0.5).clamp(low, high)
        return torch.where(scale == 0, 0.0, codes)
    shift = zero / scale if isinstance(format.zero, FloatZero) and zero is not None else zero
    position = groups / scale
    return rounded(position if shift is None else position + shift).clamp(low, high)


def decode(
    codes: Tensor, scale: Tensor, zero: Tensor | None, grid: IntegerGrid, format: WeightFormat
) -> Tensor:
    """s·q, s·(q + ½), s·(q - z) or s·q - zs, each step rounded to f32."""
    if zero is None:
        return scale * (codes + 0.5 if grid.levels is Levels.HALF else codes)
    if isinstance(format.zero, FloatZero):
        return scale * codes - zero
    return scale * (codes - zero)


def code_range(grid: IntegerGrid, format: WeightFormat) -> tuple[int, int]:
    """(qmin, qmax); `levels` is a matter of symmetric grids, asymmetric ones use every code."""
    if isinstance(format.zero, Symmetric) or not grid.signed:
        return grid.qmin, grid.qmax
    return -(1 << (grid.bits - 1)), grid.qmax
