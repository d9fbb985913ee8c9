"""Computes what a step makes small: the loss of a batch, and the distance to a teacher."""

from dataclasses import fields, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.intermediate import Intermediate, Values
from qdsl.fx.program import Program
from qdsl.recipes.loss import Loss
from qdsl.recipes.model import Stage
from qdsl.train.guide import Guide
from qdsl.train.task import Task


class Objective(nn.Module):
    """Batch → loss f32[]: one forward for all entries, so that DDP and FSDP can wrap it."""

    def __init__(
        self, program: Program, task: Task[Any, Any], stage: Stage, loss: Loss, guide: Guide | None
    ) -> None:
        super().__init__()
        self.program = program
        self.task, self.said = task, loss
        self.in_bf16 = stage.precision == "bf16"
        self.guides = () if guide is None else (guide,)  # no member: it is neither trained nor kept
        self.values = Intermediate(program, guide.said.match if guide else ())

    def forward(self, batch: Any) -> Tensor:
        device = next(self.program.parameters()).device.type
        with torch.autocast(device, torch.bfloat16, enabled=self.in_bf16):
            with self.values.recorded() as values:
                outputs = self.task.forward(self.program, batch)
            if not self.guides:
                return self._loss(outputs, batch)
            return self._guided(self.guides[0], outputs, values, batch)

    def _loss(self, outputs: Any, batch: Any) -> Tensor:
        return self.task.loss(self.program, outputs, batch, self.said)

    def _guided(self, guide: Guide, outputs: Any, values: Values, batch: Any) -> Tensor:
        """loss · (1 - weight) + distance · weight, as arXiv 1503.02531 adds them."""
        said = guide.said
        with torch.no_grad(), guide.values.recorded() as wanted:
            theirs = self.task.forward(guide.program, batch)
        distance = self.task.distillation(
            self.program, guide.program, outputs, theirs, batch, said.temperature
        )
        distance = distance + _mean_squares(values, wanted)
        if said.weight == 1:
            return distance
        return self._loss(outputs, batch) * (1 - said.weight) + distance * said.weight


def _mean_squares(values: Values, wanted: Values) -> Tensor | float:
    """Sum over paths of the mean squared difference; raises QdslError (Q742) for other shapes."""
    total: Tensor | float = 0.0
    for path, theirs in wanted.items():
        for own, other in zip(values[path], theirs, strict=True):
            _check_shapes(path, own, other)
            total = total + F.mse_loss(own.float(), other.float())
    return total


def _check_shapes(path: str, own: Tensor, other: Tensor) -> None:
    if own.shape != other.shape:
        message = (
            f"`{path}`, which `match` names, is {tuple(own.shape)} in the student and "
            f"{tuple(other.shape)} in the teacher"
        )
        help = "name values of equal shapes"
        raise QdslError([error("Q742", message, help=help)])


def moved(batch: Any, device: torch.device) -> Any:
    """The batch with its tensors on the device: a tensor, or dataclass, tuple, list or mapping."""
    match batch:
        case Tensor():
            return batch.to(device, non_blocking=True)
        case tuple() | list():
            return type(batch)(moved(x, device) for x in batch)
        case dict():
            return {key: moved(x, device) for key, x in batch.items()}
        case _ if hasattr(batch, "__dataclass_fields__"):
            values = {f.name: moved(getattr(batch, f.name), device) for f in fields(batch)}
            return replace(batch, **values)
        case _:
            return batch
