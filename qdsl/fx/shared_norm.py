"""Normalises with the statistics of all processes, so that shares of a batch give what it gives."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor


def has_others() -> bool:
    """Whether there are other processes."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


class Total(torch.autograd.Function):
    """Sum over processes; so is its gradient: a value serves the losses of all of them."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous()
        dist.all_reduce(total)
        return total


def shared_batch_norm(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mean: Tensor,
    variance: Tensor,
    momentum: float,
    eps: float,
) -> Tensor:
    """x f32 [rows, C] of this process, with mean and variance f32 [C] over the rows of all.

    Records them in the running `mean` and `variance` as torch's batch norm does: the variance
    without bias.
    """
    count = _total(x.new_tensor([float(len(x))]))
    center = _total(x.sum(0)) / count
    away = x - center
    spread = _total(away.square().sum(0)) / count
    with torch.no_grad():
        mean.lerp_(center.to(mean.dtype), momentum)
        unbiased = spread * count / (count - 1).clamp(min=1)
        variance.lerp_(unbiased.to(variance.dtype), momentum)
    return away * torch.rsqrt(spread + eps) * weight + bias


def _total(x: Tensor) -> Tensor:
    total: Tensor = Total.apply(x)  # type: ignore[no-untyped-call]
    return total
