"""Chooses which weights a pattern keeps, by a score of each."""

from fractions import Fraction
from math import floor
from typing import assert_never

import torch
from torch import Tensor

from qdsl.fx.trainers import trainer_of
from qdsl.ir.pattern import NM, Dense, Pattern, Unstructured

_WHOLE = Fraction(1)


@torch.no_grad()
def choose(score: Tensor, pattern: Pattern, progress: Fraction = _WHOLE) -> Tensor | None:
    """bool [N, K], True is kept; None where the pattern keeps all. |score| ranks.

    `progress` is the share of what the pattern prunes that is pruned already, rounded down to a
    number of weights: of a group in N:M, of the matrix otherwise.
    """
    match pattern:
        case Dense():
            return None
        case NM(kept, group):
            return nm_mask(score, NM(group - floor((group - kept) * progress), group))
        case Unstructured():
            return share_mask(score, floor(pattern.pruned(score.numel()) * progress))
        case _:
            assert_never(pattern)


@torch.no_grad()
def nm_mask(weight: Tensor, pattern: NM) -> Tensor:
    """bool [N, K]: of every M consecutive weights of a row, the largest |w| are kept.

    Of equal ones the first is. Raises ValueError when M does not divide K.
    """
    rows, columns = weight.shape
    group = pattern.group
    if columns % group:
        raise ValueError(f"{pattern} needs a multiple of {group} columns, not {columns}")
    if (kernels := trainer_of(weight)) is not None:
        if (found := kernels.nm_mask(weight, pattern.kept, group)) is not None:
            return found
    # positions of a group in rows of their own: short rows are slow
    size = torch.stack(weight.abs().reshape(-1, group).unbind(1))
    # how many of the group go before; at first those that stand behind do
    ranks = torch.arange(group - 1, -1, -1, dtype=torch.uint8, device=weight.device)
    rank = ranks.unsqueeze(1).repeat(1, size.shape[1])
    for gap in range(1, group):
        first = (size[:-gap] >= size[gap:]).view(torch.uint8)
        rank[gap:] += first
        rank[:-gap] -= first
    return torch.stack((rank < pattern.kept).unbind(0), 1).reshape(rows, columns)


@torch.no_grad()
def share_mask(weight: Tensor, pruned: int) -> Tensor:
    """bool [N, K]: the `pruned` weights of least |w| go; of equal ones the first stay."""
    if (kernels := trainer_of(weight)) is not None:
        if (found := kernels.share_mask(weight, pruned)) is not None:
            return found
    size = weight.abs().flatten()
    if not 0 < pruned < size.numel():
        return torch.full(weight.shape, pruned == 0, device=weight.device)
    bar = size.kthvalue(pruned).values
    kept, equal = size > bar, size == bar
    room = size.numel() - pruned - kept.sum()
    return (kept | (equal & (equal.cumsum(0) <= room))).view(weight.shape)


def is_whole(mask: Tensor, pattern: Pattern) -> bool:
    """Whether the mask prunes all that the pattern does."""
    match pattern:
        case Dense():
            return True
        case NM(kept, group):
            counts = mask.reshape(mask.shape[0], -1, group).sum(-1)
            return bool((counts == kept).all())
        case Unstructured():
            return int(mask.sum()) == mask.numel() - pattern.pruned(mask.numel())
        case _:
            assert_never(pattern)
