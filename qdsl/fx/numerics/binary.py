"""Rounds weights to -1, +1 times their mean magnitude."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import masked, stored, straight_through
from qdsl.fx.numerics.groups import mean, mean_magnitude
from qdsl.ir.format import BinaryGrid, WeightFormat


def parameters(
    groups: Tensor, kept: Tensor | None, grid: BinaryGrid, format: WeightFormat
) -> Tensor:
    """α = mean|w| [R, G, 1] over kept weights; one that rounds to 0 stays 0: there is no code 0."""
    return stored(mean_magnitude(centered(groups, kept, grid), kept), format.scale)


@dataclass(frozen=True, slots=True)
class Binaries:
    """±1, 0 as +1."""

    grid: BinaryGrid
    kept: Tensor | None

    def encode(self, groups: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        return _signs(centered(groups, self.kept, self.grid))

    def decode(self, codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        return scale * codes


def through(groups: Tensor, kept: Tensor | None, scale: Tensor, grid: BinaryGrid) -> Tensor:
    """α·q f32 [R, G, L], straight through without a window: ∂q/∂w is 1.

    With `ste = identity` the gradient of the weight is that of the result.
    """
    weights = centered(groups, kept, grid)
    codes = straight_through(weights, _signs(weights.detach()))
    if grid.ste == "identity":
        return straight_through(codes, (scale * codes).detach())
    return scale * codes


def centered(groups: Tensor, kept: Tensor | None, grid: BinaryGrid) -> Tensor:
    """With `center` the weights less their mean, which is not added back; others stay 0."""
    if not grid.center:
        return groups
    rest = groups - mean(groups, kept)
    return rest if kept is None else masked(rest, kept.expand(rest.shape))


def _signs(weights: Tensor) -> Tensor:
    with torch.no_grad():
        return weights.sign().add_(0.5).sign_()
