"""Makes layers of the grids from the registry: of each kind that has weights, its shapes."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields

from qdsl.ir.builder import Builder
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.layer import Layer
from qdsl.ir.model import Role, TensorType
from qdsl.ir.shape import shape
from qdsl.sema.language import layer_kinds

REQUIRED = {
    "in_features": 8,
    "out_features": 3,
    "features": 8,
    "hidden": 8,
    "num_embeddings": 5,
    "embedding_dim": 8,
    "in_channels": 4,
    "out_channels": 4,
    "kernel": 2,
    "p": 0.5,
}
"""A value for each field that a layer must be given; a new field needs one."""

VARIED = {"groups": 4, "projection": 4}
"""Fields with a default of which another value is another product or another weight."""

INPUTS = (
    TensorType("f32", shape("B", "T", 8)),
    TensorType("f32", shape("B", "T", 4)),
    TensorType("f32", shape("B", "T", 6, 4)),
    TensorType("i64", shape("B", "T")),
)


@dataclass(frozen=True)
class Kind:
    """A layer as a spec writes it, its input, and the rows of its weights."""

    name: str
    call: str
    input: TensorType
    rows: tuple[int, ...]  # K of each weight

    @property
    def is_table(self) -> bool:
        """Whether it multiplies nothing: a weight is read, there are no activations to round."""
        return self.input.dtype == "i64"


def kinds() -> tuple[Kind, ...]:
    """Each kind with weights as it is, and with each varied field."""
    return tuple(kind for k in layer_kinds() for kind in _kinds(k.name, k.layer))


def _kinds(name: str, layer: type[Layer]) -> Iterator[Kind]:
    own = {f.name: f for f in fields(layer)}
    required = {n: REQUIRED[n] for n, f in own.items() if f.default is MISSING}
    for varied in ({}, *({n: v} for n, v in VARIED.items() if n in own)):
        given = {**required, **varied}
        made = layer(**given)
        rows = tuple(p.matrix[1] for p in made.parameters() if p.role is Role.WEIGHT)
        if rows:
            written = ", ".join(f"{n} = {_text(v)}" for n, v in given.items())
            yield Kind("_".join((name, *varied)), f"{name}({written})", _input(made), rows)


def _text(value: object) -> str:
    return str(value).lower()


def _input(layer: Layer) -> TensorType:
    for type in INPUTS:
        with suppress(ShapeError):
            builder = Builder("forward", {p.name: p.shape for p in layer.parameters()})
            layer.forward(builder, builder.input(type))  # type: ignore[attr-defined]
            return type
    raise AssertionError(f"no input of the grids suits {layer}")
