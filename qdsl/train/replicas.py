"""Trains on several processes as on one: each takes its share of a batch, gradients are averaged.

Replicas hold all weights each (DistributedDataParallel), or a shard (`fully_shard`, FSDP2). What is
wrapped is the objective, whose forward runs all entries and the loss, since a program has several
entries and no single forward. Under FSDP the weights are whole while that forward runs, so that
masks and scales are those of whole weights on every process.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from warnings import catch_warnings, simplefilter

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from qdsl.train.task import Share


@dataclass(frozen=True, slots=True)
class Replicas:
    """This process and the others; `sharded`: weights are spread over them."""

    share: Share = Share()
    device: torch.device = torch.device("cpu")
    sharded: bool = False

    @property
    def first(self) -> bool:
        """Whether this is the process that writes files and progress."""
        return self.share.rank == 0

    @property
    def alone(self) -> bool:
        return self.share.count == 1

    def wrap(self, objective: nn.Module) -> nn.Module:
        """The objective as all processes compute it together."""
        if self.sharded:
            from torch.distributed.fsdp import fully_shard  # which takes a second

            fully_shard(objective)
            return objective
        if self.alone:
            return objective
        with catch_warnings():
            # the word that is to come for it is not in every version of torch
            simplefilter("ignore", FutureWarning)
            # norms and quantizers are equal everywhere by themselves; a loss may leave entries out,
            # the same ones at every step
            return DistributedDataParallel(objective, broadcast_buffers=False, static_graph=True)

    def mean(self, value: Tensor) -> float:
        """The mean of a number over the processes."""
        value = value.detach().clone()
        if not self.alone:
            distributed.all_reduce(value)
        return float(value) / self.share.count

    def wait(self) -> None:
        """Until all processes have come here."""
        if not self.alone:
            distributed.barrier()


@contextmanager
def replicas(device: torch.device | None = None, *, sharded: bool = False) -> Iterator[Replicas]:
    """The processes that torchrun has started, nccl where they have GPUs, else gloo; or this one.

    `device` None is a GPU of its own for each process where there are enough, else the processor.
    """
    rank, count, local = (int(os.environ.get(name, default)) for name, default in _TORCHRUN)
    device = device or _device(local)
    if count == 1 and not sharded:
        yield Replicas(Share(), device)
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    # numbers on the processor are gathered too, when a state is written
    with _group("cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo", rank, count):
        yield Replicas(Share(rank, count), device, sharded)


_TORCHRUN = (("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0"))


def _device(local: int) -> torch.device:
    enough = torch.cuda.is_available() and local < torch.cuda.device_count()
    return torch.device("cuda", local) if enough else torch.device("cpu")


@contextmanager
def _group(backend: str, rank: int, count: int) -> Iterator[None]:
    # one process that shards needs nobody to meet
    store = None if "MASTER_ADDR" in os.environ else distributed.HashStore()  # type: ignore[attr-defined]
    distributed.init_process_group(backend, store=store, rank=rank, world_size=count)
    try:
        yield
    finally:
        distributed.destroy_process_group()
