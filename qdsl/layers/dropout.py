"""Defines `Dropout`: zeros at random while training, nothing else."""

from dataclasses import dataclass
from typing import ClassVar

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.layer import Layer, LayerError


@dataclass(frozen=True)
class Dropout(Layer):
    """Each element is 0 with probability p in training, the others scaled by 1/(1 - p).

    Any shape → the same.
    """

    training_only: ClassVar[bool] = True

    p: float

    def __post_init__(self) -> None:
        if not 0 <= self.p < 1:
            raise LayerError(f"`p` is {self.p}, must be in 0..1")

    def forward(self, b: Builder, x: Value) -> Value:
        return b.emit(op.Dropout(self.p), x)
