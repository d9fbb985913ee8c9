"""Chooses which weights an N:M pattern keeps, and adds the decay that pruned ones take."""

import torch
from torch import Tensor

from qdsl.ir.pattern import NM


def nm_mask(weight: Tensor, pattern: NM) -> Tensor:
    """bool [N, K]: of every M consecutive weights of a row, the largest |w| are kept.

    Of equal ones the first is. Raises ValueError when M does not divide K.
    """
    rows, columns = weight.shape
    if columns % pattern.group:
        raise ValueError(f"{pattern} needs a multiple of {pattern.group} columns, not {columns}")
    magnitudes = weight.detach().abs().reshape(rows, -1, pattern.group)
    order = magnitudes.argsort(dim=-1, descending=True, stable=True)
    mask = torch.zeros_like(magnitudes, dtype=torch.bool)
    return mask.scatter_(-1, order[..., : pattern.kept], True).reshape(rows, columns)
