"""Chooses on GPUs which weights of a group are kept."""

import torch
import triton
from torch import Tensor

from qdsl_gpu.kernels.keep_largest import KERNEL as KEEP_LARGEST

_TILE = 1024  # weights of a program


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
