"""Rounds weights to -1, 0, +1 times a scale."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import above, between, stored
from qdsl.fx.numerics.groups import mean_magnitude, mean_of
from qdsl.ir.format import TernaryGrid, WeightFormat

_THRESHOLD = 0.7  # of mean|w|, arXiv 1605.04711, equation 6


def parameters(
    groups: Tensor, kept: Tensor | None, grid: TernaryGrid, format: WeightFormat
) -> Tensor:
    """Scale [R, G, 1]: mean|w| (absmean), or the mean of |w| above the threshold."""
    if grid.rule == "threshold":
        scale = mean_of(groups, _signs_above(groups.detach(), kept))
    else:
        scale = mean_magnitude(groups, kept)
    scale = stored(scale, format.scale)
    return torch.where(scale == 0, 1.0, scale)


@dataclass(frozen=True, slots=True)
class Ternaries:
    """round(w/s) within ±1, or the signs of the weights above the threshold."""

    grid: TernaryGrid
    kept: Tensor | None

    @property
    def stores_product(self) -> bool:
        return False

    def encode(self, groups: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        if self.grid.rule == "threshold":
            return _signs_above(groups, self.kept)
        return (groups / scale).round_().clamp_(-1, 1)

    def decode(self, codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        return scale * codes

    def passing(
        self, gradient: Tensor, groups: Tensor, scale: Tensor, zero: Tensor | None
    ) -> Tensor:
        """Where round(w/s) lies in [-1, 1], for both rules."""
        return between((groups / scale).round_(), -1, 1, gradient)


def _signs_above(groups: Tensor, kept: Tensor | None) -> Tensor:
    """The sign where |w| exceeds the threshold, else 0."""
    return above(groups.abs().sub_(_THRESHOLD * mean_magnitude(groups, kept)), groups.sign())
