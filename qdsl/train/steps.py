"""Makes the steps of one stage: gradients, the optimizer, the average, and their state."""

from dataclasses import replace
from math import isfinite
from typing import Any

import torch
from torch import Tensor, nn

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.qat import decay_pruned
from qdsl.fx.spread import spread_like, whole
from qdsl.recipes.model import Stage
from qdsl.train.objective import Objective, moved
from qdsl.train.optimizer import Average, make_optimizer, optimizer_tensors
from qdsl.train.rate import rate_at
from qdsl.train.replicas import Replicas

SEEDS = 1 << 31  # times steps and processes they are numbers that torch takes
MODEL, OPTIMIZER, AVERAGE = "model.", "optimizer.", "average."  # what keys of a state begin with


class Steps:
    """The objective in training, on one process or on several."""

    def __init__(self, objective: Objective, stage: Stage, replicas: Replicas) -> None:
        self.stage, self.replicas = stage, replicas
        self.program = objective.program
        self._module = replicas.wrap(objective)
        self._parameters = tuple(self.program.named_parameters())  # as they are wrapped
        self._optimizer = make_optimizer(self._parameters, stage.optimizer)
        self._quantizers = tuple(q for _, q, _ in self.program.quantizers())
        self._average = None if stage.ema is None else Average(self._parameters, stage.ema)

    def run(self, batch: Any, step: int) -> tuple[float, float]:
        """One step, counted from 0; the loss over all processes and the learning rate.

        Raises QdslError (Q716) before anything changes where the loss or a gradient is not finite.
        """
        rate = rate_at(self.stage.lr, step, self.stage.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        seed_step(self.stage, step, self.replicas)
        for quantizer in self._quantizers:
            quantizer.expect_step()
        loss = self._module(moved(batch, self.replicas.device))
        value = self.replicas.mean(loss)
        self._refuse(value, "loss", step)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.stage.decay:
            decay_pruned(self.program, self.stage.decay)
        self._refuse(float(_norm(self._clip())), "gradient", step)
        self._optimizer.step()
        if self._average is not None:
            self._average.update(step + 1)
        return value, rate

    def end(self) -> None:
        """Leaves the average of the weights, where the stage takes one; clips and masks follow."""
        if self._average is None:
            return
        self._average.apply()
        for _, quantizer, weight in self.program.quantizers():
            (found,) = whole({"": weight.detach()}).values()
            quantizer.follow(found)

    # ---- state ---------------------------------------------------------------------------------

    def tensors(self) -> dict[str, Tensor]:
        """The state to go on from, spread over processes as it is."""
        kept = dict(optimizer_tensors(self._parameters, self._optimizer))
        average = self._average.values if self._average else {}
        return {
            **model_tensors(self.program),
            **{OPTIMIZER + key: value for key, value in kept.items()},
            **{AVERAGE + key: value for key, value in average.items()},
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Takes optimizer and average from a whole state; the model was loaded before."""
        for name, parameter in self._parameters:
            fields = part(tensors, f"{OPTIMIZER}{name}.")
            found = {k: spread_like(v, parameter) for k, v in fields.items() if "." not in k}
            if found:
                # Adam counts its steps on the processor
                found |= {"step": fields["step"]} if "step" in found else {}
                self._optimizer.state[parameter] = found
            if self._average is not None and name in self._average.values:
                self._average.values[name].copy_(spread_like(tensors[AVERAGE + name], parameter))

    def _clip(self) -> Tensor:
        limit = self.stage.clip_gradient or torch.inf
        return nn.utils.clip_grad_norm_((p for _, p in self._parameters), limit)

    def _refuse(self, value: float, what: str, step: int) -> None:
        if not isfinite(value):
            message = f"the {what} of step {step} of stage `{self.stage.name}` is {value}"
            help = "lower the learning rate, or clip gradients to a smaller norm"
            raise QdslError([error("Q716", message, help=help)])


def seeded(stage: Stage, seed: int, number: int) -> Stage:
    """The stage, number `number` of a run, with the seed of its batches and random numbers.

    This is the one place that mixes them: ((run's seed · 1009 + number) · 1000003 + stage's seed)
    mod 2^31. Stages differ although none gives a seed, and a run's first stage with seed 0 keeps
    its own.
    """
    return replace(stage, seed=((seed * 1009 + number) * 1_000_003 + stage.seed) % SEEDS)


def seed_step(stage: Stage, step: int, replicas: Replicas) -> None:
    """Makes random numbers, those of dropout, a function of seed, step and process."""
    torch.manual_seed((stage.seed * 1_000_003 + step) * 1009 + replicas.share.rank)


def model_tensors(program: nn.Module) -> dict[str, Tensor]:
    return {MODEL + key: value for key, value in program.state_dict().items()}


def part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose keys begin so, by the rest of their keys."""
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def _norm(norm: Tensor) -> Tensor:
    """A norm that may be spread over processes."""
    whole = getattr(norm, "full_tensor", None)
    return whole() if whole else norm
