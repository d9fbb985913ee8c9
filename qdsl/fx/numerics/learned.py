"""Holds scales that are trained: learned step size quantization (LSQ, arXiv 1902.08153)."""

import torch
from torch import Tensor

from qdsl.fx.numerics.gradient import quotient, stored, straight_through
from qdsl.fx.numerics.groups import count
from qdsl.ir.format import FloatType, IntegerGrid

SMALLEST = 2.0**-24  # of a scale; the least positive f16


def scale(
    parameter: Tensor, groups: Tensor, kept: Tensor | None, grid: IntegerGrid, type: FloatType
) -> Tensor:
    """The scale f32 [R, G, 1] of a parameter [R, G, 1]: at least 2^-24, rounded to its stored type.

    The gradient goes through both, times 1/sqrt(n·qmax) with n the kept weights of the scale.
    """
    weights = count(groups, kept)
    number = torch.as_tensor(weights, dtype=torch.float32, device=parameter.device) * grid.qmax
    value = stored(parameter.detach().clamp(min=SMALLEST), type)
    return straight_through(quotient(parameter, number.sqrt()), value)
