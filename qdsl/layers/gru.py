"""Defines `GRU`: one layer of gated recurrent units."""

from dataclasses import dataclass

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.layer import Layer, positive
from qdsl.ir.model import Parameter, Role
from qdsl.ir.shape import dim


@dataclass(frozen=True)
class GRU(Layer):
    """x [B, T, in] → y [B, T, hidden].

    One matrix for the input [3·hidden, in], one for the recurrence [3·hidden, hidden], gates r, z,
    n stacked in rows (arXiv 1406.1078). The reset gate scales the recurrent product of n with its
    bias, as in torch.nn.GRU: `bias` [3·hidden] is the sum of torch's two for r and z and the
    input's for n, `bias_hn` [hidden] the recurrent one of n. Initialised as torch.nn.GRU: uniform
    in ±1/sqrt(hidden).
    """

    in_features: int
    hidden: int

    def __post_init__(self) -> None:
        positive(in_features=self.in_features, hidden=self.hidden)

    def parameters(self) -> tuple[Parameter, ...]:
        init, gates = f"uniform({self.hidden})", 3 * self.hidden
        return (
            Parameter("weight_ih", (gates, self.in_features), Role.WEIGHT, init),
            Parameter("weight_hh", (gates, self.hidden), Role.WEIGHT, init),
            Parameter("bias", (gates,), Role.BIAS, init),
            Parameter("bias_hn", (self.hidden,), Role.BIAS, init),
        )

    def forward(self, b: Builder, x: Value) -> Value:
        """The whole sequence from zero state."""
        # of what has no batch axis, `step` says what is wrong
        (batch,) = x.type.shape[:1] or (dim(1),)
        h = b.emit(op.Full((batch, dim(self.hidden)), 0.0, "f32"))
        return self.step(b, x, h)[0]

    def step(self, b: Builder, x: Value, h: Value) -> tuple[Value, ...]:
        """A piece of the sequence from state h [B, hidden]; gives y, h."""
        parameters = ("weight_ih", "weight_hh", "bias", "bias_hn")
        return b.emit_many(op.Gru(), x, h, parameters=parameters)
