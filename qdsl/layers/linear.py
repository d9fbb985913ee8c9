"""Defines `Linear`: x · weightᵀ + bias."""

from dataclasses import dataclass

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.layer import Layer, positive
from qdsl.ir.model import Parameter, Role


@dataclass(frozen=True)
class Linear(Layer):
    """Affine map of the last axis, [.., in] → [.., out]; weight [out, in].

    Initialised as torch.nn.Linear: uniform in ±1/sqrt(in_features).
    """

    in_features: int
    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        positive(in_features=self.in_features, out_features=self.out_features)

    def parameters(self) -> tuple[Parameter, ...]:
        init = f"uniform({self.in_features})"
        weight = Parameter("weight", (self.out_features, self.in_features), Role.WEIGHT, init)
        bias = Parameter("bias", (self.out_features,), Role.BIAS, init)
        return (weight, bias) if self.bias else (weight,)

    def forward(self, b: Builder, x: Value) -> Value:
        return b.emit(op.Linear(), x, parameters=("weight", "bias")[: 1 + self.bias])
