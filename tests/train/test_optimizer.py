"""Looks at what optimizers decay, and at averages."""

import torch
from torch import nn

from qdsl.recipes.loss import Adamw, Sgd
from qdsl.train.optimizer import Average, make_optimizer

NAMES = {"map.weight": (3, 2), "map.bias": (3,), "map.weight:q.scale": (3, 1), "fixed": (2, 2)}


def parameters() -> list[tuple[str, nn.Parameter]]:
    return [(n, nn.Parameter(torch.ones(s), requires_grad=n != "fixed")) for n, s in NAMES.items()]


def test_weights_decay_and_nothing_else() -> None:
    given = parameters()
    for _, parameter in given:
        parameter.grad = torch.zeros_like(parameter)
    for said in (Adamw(weight_decay=0.5), Sgd(weight_decay=0.5)):
        optimizer = make_optimizer(given, said)
        for group in optimizer.param_groups:
            group["lr"] = 0.1
        optimizer.step()
    changed = {name for name, parameter in given if not bool((parameter == 1).all())}
    assert changed == {"map.weight"}


def test_an_average_forgets_its_first_steps() -> None:
    (given,) = [("x", nn.Parameter(torch.zeros(1)))]
    average = Average([given], momentum=0.5)
    expected = 0.0
    for step, momentum in ((1, 0.1), (2, 2 / 11), (3, 0.25)):
        given[1].data.fill_(float(step))
        average.update(step)
        expected = momentum * expected + (1 - momentum) * step
    average.apply()
    torch.testing.assert_close(given[1].item(), expected)
