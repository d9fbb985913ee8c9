"""Defines a recipe as it is resolved: a task and stages in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from qdsl.recipes.loss import Adamw, Loss, Optimizer
from qdsl.recipes.option import Fault, Option, at_least, below, share
from qdsl.recipes.schedule import FASTEST, Calibration, Mask, Rate, Warmed
from qdsl.recipes.task import Task
from qdsl.recipes.teacher import Teacher

FLOAT_STAGES = ("float", "sparse", "calibrate")
"""Names of stages that leave weights and activations unrounded, unless `quantize` says so."""


@dataclass(frozen=True)
class Stage(Option):
    """One stretch of training; fields are the properties that a stage may give.

    steps: optimizer steps, or of a calibration the batches seen. quantize: whether weights and
    activations are rounded; left out, it follows from the name (`FLOAT_STAGES`). mask: when the
    N:M masks are chosen; later stages keep them. decay: SR-STE's pull on pruned weights.
    clip_every: steps from one search of clips to the next.
    """

    name: str
    steps: int
    lr: Rate = 1e-3
    loss: Loss | None = None  # the task's
    quantize: bool | None = None
    mask: Mask | None = None
    score: Literal["magnitude", "activation"] = "magnitude"
    decay: float = 0.0
    clip_every: int = 50
    distill: Teacher | None = None
    noise: Literal["none", "uniform", "gaussian"] = "none"  # in place of rounding
    calibrate: Calibration | None = None
    freeze: tuple[Literal["ranges", "statistics", "masks"], ...] = ()
    optimizer: Optimizer = Adamw()
    clip_gradient: float = 1.0
    ema: float | None = None
    batch: int | None = None
    precision: Literal["f32", "bf16"] = "f32"
    seed: int = 0

    def faults(self) -> Iterator[str]:
        yield from at_least(1, steps=self.steps, batch=self.batch, clip_every=self.clip_every)
        yield from at_least(0, decay=self.decay, clip_gradient=self.clip_gradient, seed=self.seed)
        yield from share(ema=self.ema)
        if isinstance(self.lr, float):
            if self.lr < 0:
                yield f"`lr` is {self.lr:g}, must not be negative"
            yield from below(FASTEST, lr=self.lr)
        if self.steps is not None and self.steps >= 1:
            yield from self._unfinished()

    def _unfinished(self) -> Iterator[str]:
        """Schedules that the stage ends before."""
        rate, mask, steps = self.lr, self.mask, f"stage `{self.name}` has {self.steps}"
        trains = self.calibrate is None
        if trains and isinstance(rate, Warmed) and rate.warmup >= self.steps:
            help = f"give the stage more than {rate.warmup} steps, or a shorter `warmup`"
            yield Fault(f"`lr` warms up for {rate.warmup} steps, {steps}", help)
        if mask is not None and mask.length > self.steps:
            help = f"give the stage at least {mask.length} steps, or the mask fewer"
            yield Fault(f"`mask` takes {mask.length} steps, {steps}", help)

    @property
    def quantizes(self) -> bool:
        return self.name not in FLOAT_STAGES if self.quantize is None else self.quantize


@dataclass(frozen=True)
class Recipe:
    """`name` is the item's."""

    name: str
    task: Task | None
    stages: tuple[Stage, ...]
