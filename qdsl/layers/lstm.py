"""Defines `LSTM`: one long short-term memory layer, optionally with a projection."""

from dataclasses import dataclass

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.layer import Layer, LayerError, positive
from qdsl.ir.model import Parameter, Role
from qdsl.ir.shape import dim


@dataclass(frozen=True)
class LSTM(Layer):
    """x [B, T, in] → y [B, T, out]; out is `projection` where it is given, else `hidden`.

    One matrix for the input [4·hidden, in], one for the recurrence [4·hidden, out], gates i, f, g,
    o stacked in rows, one bias; projection [out, hidden] (arXiv 1402.1128). Initialised as
    torch.nn.LSTM: uniform in ±1/sqrt(hidden).
    """

    in_features: int
    hidden: int
    projection: int = 0

    def __post_init__(self) -> None:
        positive(in_features=self.in_features, hidden=self.hidden)
        if self.projection < 0 or (self.projection >= self.hidden > 0 and self.projection):
            raise LayerError(
                f"`projection` is {self.projection}, must be 0 (none) or below hidden {self.hidden}"
            )

    def parameters(self) -> tuple[Parameter, ...]:
        init, out = f"uniform({self.hidden})", self.projection or self.hidden
        gates = 4 * self.hidden
        own = (
            Parameter("weight_ih", (gates, self.in_features), Role.WEIGHT, init),
            Parameter("weight_hh", (gates, out), Role.WEIGHT, init),
            Parameter("bias", (gates,), Role.BIAS, init),
        )
        if not self.projection:
            return own
        return (*own, Parameter("weight_hr", (out, self.hidden), Role.WEIGHT, init))

    def forward(self, b: Builder, x: Value) -> Value:
        """The whole sequence from zero state."""
        # of what has no batch axis, `step` says what is wrong
        (batch,) = x.type.shape[:1] or (dim(1),)
        out = dim(self.projection or self.hidden)
        h = b.emit(op.Full((batch, out), 0.0, "f32"))
        c = b.emit(op.Full((batch, dim(self.hidden)), 0.0, "f32"))
        return self.step(b, x, h, c)[0]

    def step(self, b: Builder, x: Value, h: Value, c: Value) -> tuple[Value, ...]:
        """A piece of the sequence from state h [B, out], c [B, hidden]; gives y, h, c."""
        names = ("weight_ih", "weight_hh", "bias", "weight_hr")
        parameters = names if self.projection else names[:3]
        return b.emit_many(op.Lstm(self.hidden), x, h, c, parameters=parameters)
