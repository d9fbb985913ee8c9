"""Rounds weights to b-bit integers: scale and zero from the range, then codes."""

from dataclasses import dataclass
from typing import assert_never

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import between, quotient, rounded, stored
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
        # one that rounds to 0 has no gradient; half levels have no code for 0, and keep it
        instead = 0.0 if grid.levels is Levels.HALF else 1.0
        return torch.where(scale == 0, instead, scale), None
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


@dataclass(frozen=True, slots=True)
class Integers:
    """Codes q = clamp(round_half_even(w/s + z), qmin, qmax)."""

    grid: IntegerGrid
    format: WeightFormat

    @property
    def stores_product(self) -> bool:
        return isinstance(self.format.zero, FloatZero)

    def encode(self, groups: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        codes = self._positions(groups, scale, zero).clamp_(*code_range(self.grid, self.format))
        # a scale of 0 stays: half levels have no code for 0, and 0·(q + ½) is the weight
        return torch.where(scale == 0, 0.0, codes) if self._half and zero is None else codes

    def decode(self, codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        """s·q, s·(q + ½), s·(q - z) or s·q - zs."""
        if zero is None:
            return scale * (codes + 0.5 if self._half else codes)
        if self.stores_product:
            return scale * codes - zero
        return scale * (codes - zero)

    def passing(
        self, gradient: Tensor, groups: Tensor, scale: Tensor, zero: Tensor | None
    ) -> Tensor:
        # codes are cheaper found again than kept
        positions = self._positions(groups, scale, zero)
        return between(positions, *code_range(self.grid, self.format), gradient)

    @property
    def _half(self) -> bool:
        return self.grid.levels is Levels.HALF

    def _positions(self, groups: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        """The codes before they are clamped."""
        if zero is None:
            if self._half:
                safe = torch.where(scale == 0, 1.0, scale)
                return (groups / safe).sub_(0.5).round_()
            return (groups / scale).round_()
        return (groups / scale).add_(zero / scale if self.stores_product else zero).round_()


def code_range(grid: IntegerGrid, format: WeightFormat) -> tuple[int, int]:
    """(qmin, qmax); `levels` is a matter of symmetric grids, asymmetric ones use every code."""
    if isinstance(format.zero, Symmetric) or not grid.signed:
        return grid.qmin, grid.qmax
    return -(1 << (grid.bits - 1)), grid.qmax
