"""Sees values as all processes of a training see them: each calls these functions alike."""

import torch
import torch.distributed as dist
from torch import Tensor

from qdsl.fx import histogram
from qdsl.fx.histogram import Histogram


def extremes(x: Tensor) -> tuple[Tensor, Tensor]:
    """The least and the greatest value f32 [] over all processes; what is not finite is 0."""
    x = x if x.numel() else x.new_zeros(1)
    low, high = torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0).aminmax()
    low, high = low.float(), high.float()
    if several():
        dist.all_reduce(low, dist.ReduceOp.MIN)
        dist.all_reduce(high, dist.ReduceOp.MAX)
    return low, high


def mean(x: Tensor) -> Tensor:
    """The mean f32 [] over all processes."""
    if several():
        dist.all_reduce(x)
        x = x / dist.get_world_size()
    return x


def counted(before: Histogram, x: Tensor) -> Histogram:
    """The histogram with the values of all processes."""
    if not several():
        return before.add(x)
    limit = torch.maximum(before.limit, histogram.power_of_two(x))
    dist.all_reduce(limit, dist.ReduceOp.MAX)
    wide = Histogram(torch.zeros_like(before.counts), limit).add(x)
    dist.all_reduce(wide.counts)
    return before.merge(wide)


def several() -> bool:
    """Whether there are several processes."""
    return dist.is_available() and dist.is_initialized()
