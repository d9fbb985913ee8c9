"""Defines `LayerNorm`: normalisation over the last axis."""

from dataclasses import dataclass

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.layer import Layer, positive
from qdsl.ir.model import Parameter, Role


@dataclass(frozen=True)
class LayerNorm(Layer):
    """(x - mean) / sqrt(var + eps) · weight + bias over the last axis (arXiv 1607.06450).

    [.., features] → the same.
    """

    features: int
    eps: float = 1e-5

    def __post_init__(self) -> None:
        positive(features=self.features)

    def parameters(self) -> tuple[Parameter, ...]:
        shape = (self.features,)
        return (
            Parameter("weight", shape, Role.NORM, "ones"),
            Parameter("bias", shape, Role.NORM, "zeros"),
        )

    def forward(self, b: Builder, x: Value) -> Value:
        return b.emit(op.LayerNorm(self.eps), x, parameters=("weight", "bias"))
