"""Chooses on GPUs which weights are kept: of each group, or of all."""

import torch
import triton
from torch import Tensor

from qdsl_gpu.kernels.keep_largest import KERNEL as KEEP_LARGEST
from qdsl_gpu.kernels.share_counts import KERNEL as COUNTS
from qdsl_gpu.kernels.share_keep import KERNEL as KEEP

_TILE = 1024  # weights of a program
_PARTS = 512  # of all weights, at most


def nm_mask(score: Tensor, kept: int, group: int) -> Tensor | None:
    """See `qdsl.target.Trains`."""
    if score.dtype is not torch.float32 or not score.numel():
        return None
    score = score.contiguous()
    mask = torch.empty(score.shape, dtype=torch.uint8, device=score.device)
    columns, groups = triton.next_power_of_2(group), score.numel() // group
    each = max(1, _TILE // columns)
    KEEP_LARGEST[-(-groups // each),](
        score, mask, groups, KEPT=kept, GROUP=group, BG=each, COLUMNS=columns
    )
    return mask.view(torch.bool)


def share_mask(score: Tensor, pruned: int) -> Tensor | None:
    """See `qdsl.target.Trains`; by radix: four passes count digits, one equals, one marks."""
    count = score.numel()
    if score.dtype is not torch.float32 or not 0 < pruned < count < 1 << 31:
        return None
    score = score.contiguous()
    mask = torch.empty(score.shape, dtype=torch.uint8, device=score.device)
    span = -(-count // (_TILE * _PARTS)) * _TILE
    programs = -(-count // span)
    counts = torch.zeros(4, 256, dtype=torch.int32, device=score.device)
    equals = torch.empty(programs, dtype=torch.int32, device=score.device)
    for step in range(5):
        COUNTS[programs,](score, counts, equals, count, span, pruned, PASS=step, BLOCK=_TILE)
    size = triton.next_power_of_2(programs)
    KEEP[programs,](score, mask, counts, equals, count, span, pruned, SIZE=size, BLOCK=_TILE)
    return mask.view(torch.bool)
