"""Chooses which weights an N:M pattern keeps."""

import torch
from torch import Tensor

from qdsl.ir.pattern import NM


@torch.no_grad()
def nm_mask(weight: Tensor, pattern: NM) -> Tensor:
    """bool [N, K]: of every M consecutive weights of a row, the largest |w| are kept.

    Of equal ones the first is. Raises ValueError when M does not divide K.
    """
    rows, columns = weight.shape
    if columns % pattern.group:
        raise ValueError(f"{pattern} needs a multiple of {pattern.group} columns, not {columns}")
    size = weight.abs().reshape(rows, -1, pattern.group)
    # rank: how many of the group go before; counted, for sorting short rows is slow
    rank = torch.zeros_like(size, dtype=torch.int16)
    for i in range(pattern.group):
        one = size[..., i : i + 1]
        rank[..., :i] += one > size[..., :i]
        rank[..., i + 1 :] += one >= size[..., i + 1 :]
    return (rank < pattern.kept).reshape(rows, columns)
