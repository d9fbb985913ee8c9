"""Provokes what is found when trained weights are packed."""

from collections.abc import Callable

import torch

from qdsl.spec import Variant


def test_weights_of_another_model(net: Callable[..., Variant], said: Callable[..., None]) -> None:
    state = net(d=16).program().state_dict()
    torch.save({**state, "step": torch.zeros(1)}, "other.pt")
    net()
    said("Q718", "compile", "net.qspec#small", "--weights", "other.pt")
