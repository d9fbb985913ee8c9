"""Trains weights under noise of the size of their rounding errors, in place of rounding."""

from typing import Literal, assert_never

import torch
from torch import Tensor

from qdsl.fx.numerics import floats, groups
from qdsl.fx.numerics.gradient import masked
from qdsl.fx.numerics.quantize import State, step_size
from qdsl.ir.format import FloatGrid, WeightFormat

Noise = Literal["uniform", "gaussian"]


def noisy(weight: Tensor, format: WeightFormat, state: State, noise: Noise) -> Tensor:
    """The masked matrix f32 [N, K] plus noise of the standard deviation step/sqrt(12).

    A step is the distance of two values of the grid, which scales tell (with the clip that there
    is); uniform noise lies within half of it. The gradient of a kept weight is 1. Drawn from
    torch's default generator. Weights of a float format are rounded.
    """
    grid, kept = format.grid, masked(weight, state.mask)
    if isinstance(grid, FloatGrid):
        return floats.encode(kept, grid)
    with torch.no_grad():
        step = step_size(weight, grid, format, state).unsqueeze(-1)
        drawn = _drawn(torch.empty_like(weight), noise)
        spread = groups.merge(groups.split(drawn, format.grouping) * step, weight.shape)
        added = masked(spread, state.mask)
    return kept + added


def _drawn(empty: Tensor, noise: Noise) -> Tensor:
    match noise:
        case "uniform":
            return empty.uniform_(-0.5, 0.5)
        case "gaussian":
            return empty.normal_(std=12**-0.5)
        case _:
            assert_never(noise)
