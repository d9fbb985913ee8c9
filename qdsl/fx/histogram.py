"""Counts values in a histogram of fixed size, and finds ranges in it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.fx.numerics.static import fake_quantize, scale_and_zero
from qdsl.ir.format import IntegerZero, StaticFormat

BINS = 4096  # half of them for negative values
FRACTIONS = tuple(1 - i / 100 for i in range(100))  # of the range seen, 1.00 … 0.01


@dataclass(frozen=True, slots=True)
class Histogram:
    """counts i64 [BINS] of values in equal bins over ±limit, a power of two f32 []."""

    counts: Tensor
    limit: Tensor

    def add(self, x: Tensor) -> "Histogram":
        """With the finite values of x, which may double the limit: pairs of bins become one.

        Values that are not finite count as 0.
        """
        x = torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)
        limit = torch.maximum(self.limit, power_of_two(x))
        return self.merge(Histogram(counted(x, limit), limit))

    def merge(self, other: "Histogram") -> "Histogram":
        """Both, over the larger limit, which is the other's."""
        counts, own = self.counts, self.limit.clone()
        while bool(own < other.limit):
            counts, own = _doubled(counts), own * 2
        return Histogram(counts + other.counts, other.limit)

    def extent(self) -> tuple[Tensor, Tensor]:
        """The outer edges f32 [] of the least and of the greatest bin that is not empty."""
        filled = self.counts.nonzero()
        edges = self.edges()
        return edges[filled[0, 0]], edges[filled[-1, 0] + 1]

    def edges(self) -> Tensor:
        """f32 [BINS + 1], exact."""
        steps = torch.arange(BINS + 1, device=self.counts.device, dtype=torch.float32)
        return (steps - BINS // 2) * (self.limit / (BINS // 2))


def power_of_two(x: Tensor) -> Tensor:
    """The least power of two f32 [] above max|x|, at least 2^-40; what is not finite is 0."""
    x = x if x.numel() else x.new_zeros(1)
    largest = torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0).abs().max()
    _, exponent = torch.frexp(largest)
    return torch.ldexp(torch.ones_like(largest), exponent.clamp(-40, 127))


def empty(like: Tensor) -> Histogram:
    """No counts yet, on the device of `like`."""
    counts = torch.zeros(BINS, dtype=torch.int64, device=like.device)
    return Histogram(counts, torch.tensor(2.0**-40, device=like.device))


def counted(x: Tensor, limit: Tensor) -> Tensor:
    """Counts i64 [BINS] of values within ±limit: bin i has [i, i + 1)·2·limit/BINS - limit."""
    bins = torch.floor(x / limit * (BINS // 2)).to(torch.int64) + BINS // 2
    return torch.bincount(bins.clamp(0, BINS - 1).flatten(), minlength=BINS)


def _doubled(counts: Tensor) -> Tensor:
    """The same counts over twice the limit."""
    quarter = BINS // 4
    return torch.nn.functional.pad(counts.view(-1, 2).sum(-1), (quarter, quarter))


# ---- ranges ------------------------------------------------------------------------------------


def percentile(histogram: Histogram, share: float, format: StaticFormat) -> tuple[Tensor, Tensor]:
    """The least range of whole bins that holds that share of the values.

    A symmetric range is ±a with |x| ≤ a for the share of them; an asymmetric one leaves out half of
    the rest at each end.
    """
    counts, edges = histogram.counts, histogram.edges()
    if isinstance(format.zero, IntegerZero):
        rest = (1 - share) / 2
        return -_quantile(counts.flip(0), -edges.flip(0), rest), _quantile(counts, edges, rest)
    if not format.grid.signed:
        return torch.zeros_like(histogram.limit), _quantile(counts, edges, 1 - share)
    half = BINS // 2
    top = _quantile(counts[half:] + counts[:half].flip(0), edges[half:], 1 - share)
    return -top, top


def _quantile(counts: Tensor, edges: Tensor, rest: float) -> Tensor:
    """The least edge above which at most that share of the values lies."""
    above = counts.sum() - counts.cumsum(0)
    allowed = rest * counts.sum().double()
    return edges[1:][above.double() <= allowed + 1e-9][0]


def least_squares(histogram: Histogram, format: StaticFormat) -> tuple[Tensor, Tensor]:
    """The part of the range seen whose rounding has the least squared error; of equals the largest.

    Each value counts as the middle of its bin; errors are summed in float64.
    """
    edges, counts = histogram.edges(), histogram.counts
    filled = counts > 0
    middles = ((edges[1:] + edges[:-1]) / 2)[filled]
    low, high = histogram.extent()
    parts = torch.tensor(FRACTIONS, device=low.device).unsqueeze(-1)
    scale, zero = scale_and_zero(low * parts, high * parts, format)
    result = fake_quantize(middles, scale, zero, (format.grid.qmin, format.grid.qmax))
    errors = ((result.double() - middles.double()).square() * counts[filled]).sum(-1)
    best = FRACTIONS[int(errors.argmin())]
    return low * best, high * best
