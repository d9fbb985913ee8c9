"""Rounds weights to the values of a codebook times a scale: normal floats, or found by k-means."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.fx.numerics import groups as grouped
from qdsl.fx.numerics.gradient import above, quotient, stored
from qdsl.ir.format import CodebookGrid, WeightFormat

_MOST_ITERATIONS = 100


def parameters(groups: Tensor, format: WeightFormat) -> Tensor:
    """Scale [R, G, 1]: max|w|, rounded to its stored type; one that rounds to 0 becomes 1."""
    scale = stored(grouped.largest(groups), format.scale)
    return torch.where(scale == 0, 1.0, scale)


@dataclass(frozen=True, slots=True)
class Codebook:
    """The number of the nearest value, of two the lower one; `values` f32 [2^b] ascend."""

    values: Tensor

    @property
    def stores_product(self) -> bool:
        return False

    def encode(self, groups: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        # how many middles lie below; a binary search of each weight takes ten times as long
        positions, one = groups / scale, groups.new_ones(()).expand_as(groups)
        codes = torch.zeros_like(positions)
        for middle in (self.values[1:] + self.values[:-1]) / 2:
            codes += above(positions - middle, one)
        return codes

    def decode(self, codes: Tensor, scale: Tensor, zero: Tensor | None) -> Tensor:
        numbers = codes.flatten().to(torch.int64)
        return scale * self.values.index_select(0, numbers).view(codes.shape)

    def passing(
        self, gradient: Tensor, groups: Tensor, scale: Tensor, zero: Tensor | None
    ) -> Tensor:
        """Everywhere: there is a value for every weight, and none is clamped."""
        return gradient


def values_of(grid: CodebookGrid, learned: Tensor | None, like: Tensor) -> Tensor:
    """The values f32 [2^b] on the device of `like`: those of the grid, or those that were found."""
    if grid.values:
        return torch.tensor(grid.values, dtype=torch.float32, device=like.device)
    if learned is None:
        raise ValueError("a codebook is read before it is found")
    return learned


@torch.no_grad()
def find(groups: Tensor, kept: Tensor | None, scale: Tensor, grid: CodebookGrid) -> Tensor:
    """2^b values f32, ascending, of least squared distance to w/s over kept weights.

    Lloyd's iterations in float64 (IEEE Trans. Inf. Theory 28, 129, 1982) from the quantiles
    (i + ½)/2^b of distinct weights, until nothing moves; a value nearest to no weight stays.
    """
    positions = groups / scale
    if kept is not None:
        positions = positions[kept.expand(positions.shape)]
    ordered = positions.flatten().double().sort().values
    many = 1 << grid.bits
    if not len(ordered):
        return torch.zeros(many, dtype=torch.float32, device=groups.device)
    sums = torch.cat([ordered.new_zeros(1), ordered.cumsum(0)])
    distinct = torch.unique(ordered)
    starts = (torch.arange(many, device=groups.device) * 2 + 1) * len(distinct) // (2 * many)
    values: Tensor = distinct[starts]
    for _ in range(_MOST_ITERATIONS):
        moved = _means(ordered, sums, values)
        if torch.equal(moved, values):
            break
        values = moved
    return values.to(torch.float32)


def _means(ordered: Tensor, sums: Tensor, values: Tensor) -> Tensor:
    """The mean of the weights nearest to each value, float64."""
    ends = torch.searchsorted(ordered, (values[1:] + values[:-1]) / 2, right=True)
    edges = torch.cat([ends.new_zeros(1), ends, ends.new_full((1,), len(ordered))])
    number = edges.diff()
    found = quotient(sums[edges].diff(), number.clamp(min=1).double())
    return torch.where(number > 0, found, values)
