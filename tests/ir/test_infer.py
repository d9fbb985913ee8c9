"""Holds layers to refusing what they do not take, scalars and other element types included."""

import pytest

from qdsl.ir.builder import Builder
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.layer import Layer
from qdsl.ir.model import TensorType
from qdsl.ir.shape import shape
from qdsl.layers.batchnorm import BatchNorm
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.conv2d import Conv2d
from qdsl.layers.embedding import Embedding
from qdsl.layers.gru import GRU
from qdsl.layers.layernorm import LayerNorm
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM

LAYERS = [
    BatchNorm(8),
    Conv1d(8, 8, 3),
    Conv2d(8, 8, 3),
    LayerNorm(8),
    Linear(8, 8),
    LSTM(8, 8),
    GRU(8, 8),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize(
    "given",
    [
        TensorType("f32", ()),
        TensorType("f32", shape(7)),
        TensorType("i64", shape("B", "T", 8)),
        TensorType("bool", shape("B", "T", "F", 8)),
    ],
    ids=str,
)
def test_what_a_layer_does_not_take(layer: Layer, given: TensorType) -> None:
    b = Builder("forward", {p.name: p.shape for p in layer.parameters()})
    x = b.input(given)
    with pytest.raises(ShapeError):
        layer.functions()["forward"](layer, b, x)  # type: ignore[operator]


def test_ids_are_integers() -> None:
    b = Builder("forward", {"weight": (4, 8)})
    assert str(Embedding(4, 8).forward(b, b.input(TensorType("i64", ()))).type) == "f32[8]"
    with pytest.raises(ShapeError):
        Embedding(4, 8).forward(b, b.input(TensorType("f32", shape("B"))))
