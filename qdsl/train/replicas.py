"""Trains on several processes as on one: each takes other batches, gradients are averaged.

A program has several entries and no single forward, so that the gradients are averaged here and
not by DistributedDataParallel's hooks around one.
"""

import torch
from torch import distributed, nn


def rank() -> int:
    """Number of this process among the replicas, 0 where there is one."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    return distributed.get_world_size() if distributed.is_initialized() else 1


def join_replicas(address: str, rank: int, count: int) -> None:
    """Joins `count` processes that meet at the file `address`, over gloo."""
    distributed.init_process_group(
        "gloo", init_method=f"file://{address}", rank=rank, world_size=count
    )


def leave_replicas() -> None:
    if distributed.is_initialized():
        distributed.destroy_process_group()


@torch.no_grad()
def average_gradients(model: nn.Module) -> None:
    """Makes each gradient the mean over the replicas, in one message."""
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    if count() == 1 or not gradients:
        return
    flat = torch.cat([g.flatten() for g in gradients])
    distributed.all_reduce(flat)
    flat /= count()
    means = torch.split(flat, [g.numel() for g in gradients])
    for gradient, mean in zip(gradients, means, strict=True):
        gradient.copy_(mean.view_as(gradient))
