"""Searches how far the range of weights is cut for the least error."""

from dataclasses import replace
from typing import assert_never

import torch
from torch import Tensor

from qdsl.fx.numerics import groups
from qdsl.fx.numerics.gradient import masked
from qdsl.fx.numerics.quantize import State, fake_quantize, quantize, scale_shape
from qdsl.ir.format import ClipPer, IntegerGrid, SearchedClip, WeightFormat

# 1.00, 0.98, … 0.30
CLIPS = tuple(1 - i / 50 for i in range(36))


@torch.no_grad()
def search_clip(weight: Tensor, format: WeightFormat, mask: Tensor | None) -> Tensor:
    """The clips of least error, f32 [R, G]; of equal ones the largest.

    The error is Σ|ŵ - w|^p over the kept weights of a scale, a row or all, summed in float64; p
    and what shares a clip are those of `clip = search`.
    """
    search = format.clip if isinstance(format.clip, SearchedClip) else SearchedClip()
    best: Tensor | None = None
    least: Tensor | None = None
    shape = scale_shape(weight.shape, format)
    for coefficient in CLIPS:
        clip = torch.full(shape, coefficient, device=weight.device)
        error = _error(weight, format, State(mask, clip), search)
        if best is None or least is None:
            best, least = clip, error
        else:
            best = torch.where(error < least, clip, best)
            least = torch.minimum(error, least)
    assert best is not None
    return best


@torch.no_grad()
def initial_scale(weight: Tensor, format: WeightFormat, mask: Tensor | None) -> Tensor:
    """Where a learned scale starts, f32 [R, G]: 2·mean|w|/sqrt(qmax), or that of a searched clip.

    Of the two, the first of which is LSQ's, each scale takes the one of the lesser squared error:
    the second from 4 bits on, the first at 2 bits where a few weights are far from the others.
    """
    grid = format.grid
    assert isinstance(grid, IntegerGrid)
    searched = replace(format, clip=SearchedClip())
    clip = search_clip(weight, searched, mask)
    found = quantize(weight, searched, State(mask, clip)).scale
    kept = groups.kept(mask, weight, format.grouping)
    parts = groups.split(masked(weight, mask), format.grouping)
    means = groups.mean_magnitude(parts, kept).squeeze(-1) * (2 / grid.qmax**0.5)
    ends = [_error(weight, searched, State(mask, scale=s), SearchedClip()) for s in (found, means)]
    return torch.where(ends[1] < ends[0], means, found)


def _error(weight: Tensor, format: WeightFormat, state: State, search: SearchedClip) -> Tensor:
    """The error of a weight in that state, as the search takes it: f64, broadcasting to [R, G]."""
    result = fake_quantize(weight, format, state).double()
    difference = result.sub_(masked(weight, state.mask))
    terms = difference.abs() if search.norm == 1 else difference.square()
    if search.norm == 4:
        terms = terms.square()
    errors = groups.split(terms, format.grouping).sum(-1)
    match search.per:
        case ClipPer.SCALE:
            return errors
        case ClipPer.CHANNEL:
            return errors.sum(1, keepdim=True)
        case ClipPer.TENSOR:
            return errors.sum().reshape(1, 1)
        case _:
            assert_never(search.per)
