"""Rounds weights to a storage type of floats."""

from torch import Tensor

from qdsl.fx.numerics.gradient import stored
from qdsl.ir.format import FloatGrid


def encode(matrix: Tensor, grid: FloatGrid) -> Tensor:
    """The weights as they come back from storage, f32; gradient 1."""
    return stored(matrix, grid.type)
