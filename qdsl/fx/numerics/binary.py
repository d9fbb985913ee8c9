"""Rounds weights to -1, +1 times their mean magnitude."""

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import stored, straight_through
from qdsl.fx.numerics.groups import mean
from qdsl.ir.format import BinaryGrid, WeightFormat


def parameters(
    groups: Tensor, kept: Tensor | None, grid: BinaryGrid, format: WeightFormat
) -> Tensor:
    """α = mean|w| [R, G, 1] over kept weights; one that rounds to 0 stays 0: there is no code 0."""
    return stored(mean(centered(groups, kept, grid).abs(), kept), format.scale)


def encode(groups: Tensor, kept: Tensor | None, grid: BinaryGrid) -> Tensor:
    """±1 f32 [R, G, L], 0 as +1; straight through, without a window."""
    weights = centered(groups, kept, grid)
    return straight_through(weights, torch.where(weights.detach() >= 0, 1.0, -1.0))


def decode(codes: Tensor, scale: Tensor, grid: BinaryGrid) -> Tensor:
    """α·q. With `ste = identity` the gradient of the weight is that of the result."""
    if grid.ste == "identity":
        return straight_through(codes, (scale * codes).detach())
    return scale * codes


def centered(groups: Tensor, kept: Tensor | None, grid: BinaryGrid) -> Tensor:
    """With `center` the weights less their mean, which is not added back; others stay 0."""
    if not grid.center:
        return groups
    rest = groups - mean(groups, kept)
    return rest if kept is None else torch.where(kept, rest, 0.0)
