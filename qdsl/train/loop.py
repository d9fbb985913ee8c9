"""Trains a module: one readable loop, the same for a float program and for a quantized one."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from qdsl.diagnostic.model import QdslError, error
from qdsl.train import checkpoint
from qdsl.train.replicas import average_gradients, rank
from qdsl.train.schedule import Schedule

BatchT = TypeVar("BatchT")


@dataclass(frozen=True, slots=True)
class Stage:
    """One run of steps, each with its own rate: AdamW, gradients clipped to a norm."""

    steps: int
    rate: float
    warmup: int = 50
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    seed: int = 0
    save_every: int = 200

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.steps, self.rate, self.warmup)

    def saves(self, step: int) -> bool:
        """Whether the state is saved after that many steps."""
        return step % self.save_every == 0 or step == self.steps


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Generic[BatchT]):
    """What is trained on what.

    `batches(n)` gives the batches from number n on, always the same ones; `loss` is f32[] to be
    made small. With `path`, the state is saved there every `stage.save_every` steps and at the
    end, and a training that finds it there goes on from it, unless it is of another `identity`:
    what is trained on what.
    """

    model: nn.Module
    batches: Callable[[int], Iterator[BatchT]]
    loss: Callable[[nn.Module, BatchT], Tensor]
    stage: Stage
    path: Path | None = None
    identity: str = ""
    progress: Callable[[int, float], None] = field(default=lambda step, loss: None)


def train(job: Job[BatchT]) -> list[float]:
    """Runs the steps that are left; returns the losses, in nats per word, of every step so far.

    An interrupted run that is started again gives the losses of an unbroken one: batches and
    random numbers depend on the step alone. Raises QdslError: Q716 when a loss is
    not finite, Q715 for a damaged state.
    """
    optimizer = _optimizer(job)
    losses = _resume(job, optimizer)
    job.model.train()
    batches = job.batches(len(losses))
    for step in range(len(losses), job.stage.steps):
        losses.append(_step(job, optimizer, next(batches), step))
        job.progress(step + 1, losses[-1])
        if job.path and rank() == 0 and job.stage.saves(step + 1):
            _save(job, optimizer, losses)
    job.model.eval()
    return losses


def _step(job: Job[BatchT], optimizer: torch.optim.Optimizer, batch: BatchT, step: int) -> float:
    torch.manual_seed(job.stage.seed * 1_000_003 + step)  # dropout: a function of the step alone
    for group in optimizer.param_groups:
        group["lr"] = job.stage.schedule.rate(step)
    loss = job.loss(job.model, batch)
    value = float(loss.detach())
    if not torch.isfinite(loss):
        help = "lower the learning rate, or clip gradients to a smaller norm"
        raise QdslError([error("Q716", f"the loss of step {step} is {value}", help=help)])
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    average_gradients(job.model)
    nn.utils.clip_grad_norm_(job.model.parameters(), job.stage.clip)
    optimizer.step()
    return value


def _optimizer(job: Job[BatchT]) -> torch.optim.Optimizer:
    """Decays matrices, not the vectors (biases, norms, scales)."""
    trained = [p for p in job.model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() > 1], "weight_decay": job.stage.weight_decay},
        {"params": [p for p in trained if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=job.stage.rate, betas=job.stage.betas)


def _resume(job: Job[BatchT], optimizer: torch.optim.Optimizer) -> list[float]:
    if job.path is None or not job.path.exists():
        return []
    state = checkpoint.load(job.path)
    if state.get("identity") != job.identity:
        return []
    job.model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    losses: list[float] = state["losses"]
    return losses


def _save(job: Job[BatchT], optimizer: torch.optim.Optimizer, losses: list[float]) -> None:
    assert job.path is not None
    state = {
        "identity": job.identity,
        "model": job.model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "losses": losses,
    }
    checkpoint.save(job.path, state)
