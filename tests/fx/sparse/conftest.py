"""Builds networks whose weights are all sparse."""

import pytest

from qdsl.fx import build
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.embedding import Embedding
from qdsl.layers.gru import GRU
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM


@pytest.fixture
def network(make):
    """Every layer kind, in a chain; depthwise and grouped convolutions have rows of 8 and 16."""

    def model(format):
        maker = make.maker(
            {
                "emb": Embedding(12, 8),
                "conv": Conv1d(8, 8, 3, padding="same"),
                "depthwise": Conv1d(8, 8, 8, padding="same", groups=8),
                "grouped": Conv1d(8, 16, 4, padding="same", groups=2),
                "lstm": LSTM(16, 16, 8),
                "gru": GRU(8, 8),
                "out": Linear(8, 12),
            },
            choose=lambda path: format,
            ties={"out.weight": "emb.weight"},
        )
        names = ("emb", "conv", "depthwise", "grouped", "lstm", "gru", "out")

        def forward(body, value):
            for name in names:
                value = body.call(name, value)
            return value

        maker.entry("forward", {"ids": make.type("i64", "B", "T")}, forward)
        return maker.model()

    return model


@pytest.fixture
def one(make):
    """A program of one layer."""

    def program(layer, format, shape, **options):
        maker = make.maker({"layer": layer}, choose=lambda path: format)
        maker.entry(
            "forward",
            {"x": make.type("f32", *shape)},
            lambda body, x: body.call("layer", x),
        )
        return build(maker.model()).to_qat(**options).train()

    return program
