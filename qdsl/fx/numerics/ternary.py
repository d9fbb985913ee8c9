"""Rounds weights to -1, 0, +1 times a scale."""

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import rounded, stored, straight_through
from qdsl.fx.numerics.groups import mean
from qdsl.ir.format import TernaryGrid, WeightFormat

_THRESHOLD = 0.7  # of mean|w|, arXiv 1605.04711, equation 6


def parameters(
    groups: Tensor, kept: Tensor | None, grid: TernaryGrid, format: WeightFormat
) -> Tensor:
    """Scale [R, G, 1]: mean|w| (absmean), or the mean of |w| above the threshold."""
    magnitudes = groups.abs()
    if grid.rule == "threshold":
        above = magnitudes.detach() > _threshold(magnitudes, kept)
        scale = mean(torch.where(above, magnitudes, 0.0), above)
    else:
        scale = mean(magnitudes, kept)
    scale = stored(scale, format.scale)
    return torch.where(scale == 0, 1.0, scale)


def encode(groups: Tensor, kept: Tensor | None, scale: Tensor, grid: TernaryGrid) -> Tensor:
    """Codes f32 [R, G, L]; the gradient passes where round(w/s) lies in [-1, 1]."""
    codes = rounded(groups / scale).clamp(-1, 1)
    if grid.rule == "threshold":
        magnitudes = groups.detach().abs()
        signs = groups.detach().sign() * (magnitudes > _threshold(magnitudes, kept))
        codes = straight_through(codes, signs)
    return codes


def decode(codes: Tensor, scale: Tensor) -> Tensor:
    return scale * codes


def _threshold(magnitudes: Tensor, kept: Tensor | None) -> Tensor:
    return _THRESHOLD * mean(magnitudes.detach(), kept)
