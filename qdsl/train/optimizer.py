"""Makes the optimizer of a stage, and averages the weights that it steps through."""

from collections.abc import Iterable, Iterator
from typing import assert_never

import torch
from torch import Tensor, nn

from qdsl.fx.quantizer import QUANTIZER
from qdsl.recipes.loss import Adamw, Optimizer, Sgd

Named = Iterable[tuple[str, nn.Parameter]]


def make_optimizer(parameters: Named, optimizer: Optimizer) -> torch.optim.Optimizer:
    """Over the parameters that are trained; decays weights, not vectors, nor clips and scales."""
    trained = [(name, p) for name, p in parameters if p.requires_grad]
    groups = [
        {
            "params": [p for name, p in trained if _decays(name, p)],
            "weight_decay": optimizer.weight_decay,
        },
        {"params": [p for name, p in trained if not _decays(name, p)], "weight_decay": 0.0},
    ]
    # rates are set at every step
    match optimizer:
        case Adamw(beta1=beta1, beta2=beta2):
            return torch.optim.AdamW(groups, lr=0.0, betas=(beta1, beta2))
        case Sgd(momentum=momentum):
            return torch.optim.SGD(groups, lr=0.0, momentum=momentum)
        case _:
            assert_never(optimizer)


def _decays(name: str, parameter: nn.Parameter) -> bool:
    return parameter.dim() > 1 and f"{QUANTIZER}." not in name


class Average:
    """An exponential moving average of parameters, f32 or as they are.

    The momentum of step n, counted from 1, is at most n / (n + 9), so that the first steps, which
    are far from where training ends, soon weigh nothing.
    """

    def __init__(self, parameters: Named, momentum: float) -> None:
        self.parameters = {name: p for name, p in parameters if p.requires_grad}
        self.values = {name: p.detach().clone() for name, p in self.parameters.items()}
        self.momentum = momentum

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Takes in the parameters as they are after step `step`, counted from 1."""
        momentum = min(self.momentum, step / (step + 9))
        for name, parameter in self.parameters.items():
            self.values[name].lerp_(parameter.detach(), 1 - momentum)

    @torch.no_grad()
    def apply(self) -> None:
        """Makes the parameters their averages."""
        for name, parameter in self.parameters.items():
            parameter.copy_(self.values[name])


def optimizer_tensors(
    parameters: Named, optimizer: torch.optim.Optimizer
) -> Iterator[tuple[str, Tensor]]:
    """What the optimizer keeps of each parameter: (`weight.exp_avg`, its tensor), …"""
    for name, parameter in parameters:
        for field, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor):
                yield f"{name}.{field}", value
