"""Finds the back end that rounds tensors in training."""

import torch
from torch import Tensor, nn

from qdsl.target import Trains, trainer


def trainer_of(x: Tensor) -> Trains | None:
    """That of the device of x; none while torch is compiled or exported, and of subclasses.

    A tensor that is spread over processes, or fake, has no memory that a kernel could read.
    """
    if torch.compiler.is_compiling() or type(x) not in (Tensor, nn.Parameter):
        return None
    return trainer(x.device.type)
