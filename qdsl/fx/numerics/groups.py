"""Sees a weight matrix as groups that share a scale, and takes their statistics."""

from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx.numerics.gradient import quotient
from qdsl.ir.format import Grouping, PerChannel, PerGroup, PerTensor, PerToken


def split(matrix: Tensor, grouping: Grouping) -> Tensor:
    """[N, K] → [R, G, L]: R rows of scales, G scales a row, L weights a scale.

    The last group of a row is filled up with zeros (False), which `kept` tells from weights.
    """
    match grouping:
        case PerTensor():
            return matrix.reshape(1, 1, -1)
        case PerChannel():
            return matrix.unsqueeze(1)
        case PerGroup(size):
            short = -matrix.shape[1] % size
            padded = F.pad(matrix, (0, short)) if short else matrix
            return padded.reshape(matrix.shape[0], -1, size)
        case PerToken():
            raise ValueError("weights have no tokens")
        case _:
            assert_never(grouping)


def merge(groups: Tensor, shape: torch.Size) -> Tensor:
    """Inverse of `split` for a matrix of that shape."""
    if groups.shape[0] != shape[0]:  # one scale for the tensor
        return groups.reshape(shape)
    return groups.reshape(shape[0], -1)[:, : shape[1]]


def kept(mask: Tensor | None, matrix: Tensor, grouping: Grouping) -> Tensor | None:
    """Which entries of `split` are weights that stay, bool [R, G, L]; None is all."""
    if mask is not None:
        return split(mask, grouping)
    if isinstance(grouping, PerGroup) and matrix.shape[1] % grouping.size:
        # broadcasts over rows
        return split(torch.ones_like(matrix[:1], dtype=torch.bool), grouping)
    return None


# Entries that are not kept are 0 in what the functions below are given: they are the least in a
# maximum of magnitudes, the range has 0 anyway, and in a mean only their number is left out.


def largest(groups: Tensor) -> Tensor:
    """max|w| [R, G, 1]; ties share the gradient."""
    return groups.abs().amax(-1, keepdim=True)


def extent(groups: Tensor) -> tuple[Tensor, Tensor]:
    """(min, max) [R, G, 1] of the weights and 0; ties share the gradient."""
    low, high = groups.amin(-1, keepdim=True), groups.amax(-1, keepdim=True)
    return low.clamp(max=0), high.clamp(min=0)


def mean(groups: Tensor, kept: Tensor | None) -> Tensor:
    """Mean [R, G, 1] over kept entries, summed in float64 and rounded once; 0 of none."""
    total = groups.sum(-1, keepdim=True, dtype=torch.float64)
    count: Tensor | int = groups.shape[-1]
    if kept is not None:
        count = kept.sum(-1, keepdim=True).clamp(min=1)
    return quotient(total, count).to(torch.float32)
