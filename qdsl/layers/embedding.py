"""Defines `Embedding`: a table of rows taken by id."""

from dataclasses import dataclass

from qdsl.ir import op
from qdsl.ir.builder import Builder, Value
from qdsl.ir.layer import Layer, positive
from qdsl.ir.model import Parameter, Role


@dataclass(frozen=True)
class Embedding(Layer):
    """ids i64[..] → [.., d]; weight [rows, d], initialised N(0, 1) as torch.nn.Embedding."""

    num_embeddings: int
    embedding_dim: int

    def __post_init__(self) -> None:
        positive(num_embeddings=self.num_embeddings, embedding_dim=self.embedding_dim)

    def parameters(self) -> tuple[Parameter, ...]:
        shape = (self.num_embeddings, self.embedding_dim)
        return (Parameter("weight", shape, Role.WEIGHT, "normal"),)

    def forward(self, b: Builder, ids: Value) -> Value:
        return b.emit(op.Embedding(), ids, parameters=("weight",))
