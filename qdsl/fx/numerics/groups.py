"""Sees a weight matrix as groups that share a scale, and takes their statistics."""

from typing import Any, assert_never

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx.numerics.gradient import at_zero, quotient
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
    result: Tensor = _Largest.apply(groups)  # type: ignore[no-untyped-call]
    return result


def extent(groups: Tensor) -> tuple[Tensor, Tensor]:
    """(min, max) [R, G, 1] of the weights and 0; ties share the gradient."""
    high: Tensor = _Greatest.apply(groups)  # type: ignore[no-untyped-call]
    low: Tensor = _Greatest.apply(-groups)  # type: ignore[no-untyped-call]
    return (-low).clamp(max=0), high.clamp(min=0)


def mean(groups: Tensor, kept: Tensor | None) -> Tensor:
    """Mean [R, G, 1] over kept entries, summed in float64 and rounded once; 0 of none."""
    return quotient(_total(groups, None), count(groups, kept)).to(torch.float32)


def mean_magnitude(groups: Tensor, kept: Tensor | None) -> Tensor:
    """Mean of |w| as `mean` takes it."""
    signs = groups.detach().sign()
    return quotient(_total(groups, signs), count(groups, kept)).to(torch.float32)


def mean_of(groups: Tensor, signs: Tensor) -> Tensor:
    """Mean of |w| over the entries whose `signs`, -1, 0 and 1, are not 0; 0 of none."""
    number = signs.abs().sum(-1, keepdim=True, dtype=torch.float64).clamp(min=1)
    return quotient(_total(groups, signs), number).to(torch.float32)


def count(groups: Tensor, kept: Tensor | None) -> Tensor | int:
    """How many entries of a group are kept, at least 1: i64 [R or 1, G, 1], or one for all."""
    return groups.shape[-1] if kept is None else kept.sum(-1, keepdim=True).clamp(min=1)


def _total(groups: Tensor, signs: Tensor | None) -> Tensor:
    result: Tensor = _Total.apply(groups, signs)  # type: ignore[no-untyped-call]
    return result


class _Total(torch.autograd.Function):
    """Σ w·sign in float64, [R, G, 1]; the signs are constants."""

    @staticmethod
    def forward(ctx: Any, groups: Tensor, signs: Tensor | None) -> Tensor:
        ctx.save_for_backward(signs)
        ctx.shape = groups.shape
        terms = groups if signs is None else groups * signs
        return terms.sum(-1, keepdim=True, dtype=torch.float64)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (signs,) = ctx.saved_tensors
        gradient = gradients[0].to(torch.float32)
        return gradient.expand(ctx.shape) if signs is None else gradient * signs, None


class _Largest(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, groups: Tensor) -> Tensor:
        top = groups.abs().amax(-1, keepdim=True)
        ctx.save_for_backward(groups, top)
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        groups, top = ctx.saved_tensors
        # ±max where the largest are, 0 elsewhere; their number is Σ|±max| / max
        found = at_zero(groups.abs().sub_(top), groups)
        total = found.abs().sum(-1, keepdim=True)
        return found.mul_(gradients[0] / torch.where(total > 0, total, 1.0))


class _Greatest(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, groups: Tensor) -> Tensor:
        top = groups.amax(-1, keepdim=True)
        ctx.save_for_backward(groups, top)
        return top

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        groups, top = ctx.saved_tensors
        found = at_zero(groups - top, groups.new_ones(()).expand_as(groups))
        return found.mul_(gradients[0] / found.sum(-1, keepdim=True).clamp_(min=1))
