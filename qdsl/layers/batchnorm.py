"""Defines `BatchNorm`: normalisation per channel with running statistics."""

from dataclasses import dataclass

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.layer import Layer, positive
from qdsl.ir.model import Parameter, Role


@dataclass(frozen=True)
class BatchNorm(Layer):
    """Per channel (last axis) over all other axes (arXiv 1502.03167); folded when packed.

    [.., features] → the same. momentum as torch.nn.BatchNorm1d: share of the new batch in the
    running statistics.
    """

    features: int
    eps: float = 1e-5
    momentum: float = 0.1

    def __post_init__(self) -> None:
        positive(features=self.features)

    def parameters(self) -> tuple[Parameter, ...]:
        shape = (self.features,)
        return (
            Parameter("weight", shape, Role.NORM, "ones"),
            Parameter("bias", shape, Role.NORM, "zeros"),
            Parameter("running_mean", shape, Role.STATISTIC, "zeros"),
            Parameter("running_var", shape, Role.STATISTIC, "ones"),
        )

    def forward(self, b: Builder, x: Value) -> Value:
        names = ("weight", "bias", "running_mean", "running_var")
        return b.emit(op.BatchNorm(self.eps, self.momentum), x, parameters=names)
