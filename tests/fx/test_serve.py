"""Checks which operations layers ask of back ends, and what is said when one is missing."""

from dataclasses import dataclass, replace

import pytest

from qdsl.diagnostic.model import QdslError
from qdsl.fx import build, load
from qdsl.fx.ops import backend
from qdsl.fx.reference import BACKEND
from qdsl.ir.format import F32, ActivationFormat
from qdsl.ir.model import Arithmetic
from qdsl.ir.need import needs
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.embedding import Embedding
from qdsl.layers.gru import GRU
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM
from qdsl.plan import kernels, unserved
from qdsl.target import Availability, Capability, activation_word

INTEGER = Arithmetic.INTEGER
MEMBERS = {
    "lin": Linear(8, 8),
    "conv": Conv1d(8, 8, 3),
    "grouped": Conv1d(8, 8, 3, groups=8),
    "emb": Embedding(5, 8),
    "rnn": LSTM(8, 9, 8),
}


def model(make, choose, activations=(), states=()):
    maker = make.maker(
        MEMBERS,
        choose=choose,
        activations=dict.fromkeys(activations, ActivationFormat()),
        states=dict.fromkeys(states, ActivationFormat()),
    )

    def forward(body, x, ids):
        for name in ("lin", "conv", "grouped", "rnn", "lin"):
            x = body.call(name, x)
        return x, body.call("emb", ids)

    inputs = {"x": make.type("f32", "B", "T", 8), "ids": make.type("i64", "B")}
    return maker.entry("forward", inputs, forward).model()


def asked(model):
    return [(n.storage.path, n.operation, activation_word(n.activations)) for n in needs(model)]


def test_needs_of_every_kind(make):
    found = asked(model(make, lambda path: make.format("int8"), ["lin", "conv"], ["rnn"]))
    assert found == [
        ("lin.weight", "linear", "int8_token"),
        ("conv.weight", "conv", "int8_token"),
        ("grouped.weight", "conv", "f32"),
        ("rnn.weight_ih", "linear", "f32"),
        ("rnn.weight_hh", "lstm", "int8_token"),
        ("rnn.weight_hr", "lstm", "int8_token"),
        ("emb.weight", "embedding", "f32"),
    ]


def test_floats_need_nothing(make):
    assert asked(model(make, lambda path: F32)) == []


def test_an_lstm_half_in_float_is_read_back(make):
    found = asked(model(make, lambda path: make.format("int8") if "hh" in path else F32))
    assert found == [("rnn.weight_hh", "dequantize", "f32")]


@pytest.mark.parametrize("rounded", [False, True])
def test_a_gru_may_be_steps_of_linear(make, rounded):
    int8, word = make.format("int8"), "int8_token" if rounded else "f32"
    inputs = make.type("f32", "B", "T", 8)
    states = ActivationFormat() if rounded else None
    layer = make.layer_model(GRU(8, 9), inputs, format=int8, states=states)
    assert asked(layer) == [("layer.weight_ih", "linear", "f32"), ("layer.weight_hh", "gru", word)]
    every = (1, 2, 3, 4, 5, 6, 7, 8)
    only = Capability("product", "linear", "integer", every, ("f32", "int8_token"))
    assert unserved(layer, Poor((only,))) == []
    assert unserved(layer, Poor())


def test_a_plan_names_what_runs_a_convolution(make, monkeypatch):
    layers = model(make, lambda path: make.format("int8"))
    conv, grouped = (s for s in layers.storages if s.path in ("conv.weight", "grouped.weight"))
    linear = Capability("product", "linear", "integer", (8,), ("f32",))
    whole = Capability("whole", "conv", "integer", (8,), ("f32",))
    for served, expected in (
        ((linear, whole), ("whole", "whole")),
        ((linear,), ("product", "none")),
    ):
        back_ends = {"cpu": Poor(served)}
        monkeypatch.setattr("qdsl.plan.backends", lambda found=back_ends: found)
        kernel_of = kernels(layers)
        assert (kernel_of(conv), kernel_of(grouped)) == expected


def test_float_weights_cannot_round_their_activations(make):
    (finding,) = unserved(model(make, lambda path: F32, ["lin"]), BACKEND)
    assert finding.code == "Q510"
    assert "`lin`" in finding.message


def test_integer_layers_need_kernels_of_integers(make):
    integers = replace(model(make, lambda path: make.format("int8")), arithmetic=INTEGER)
    found = [(n.storage.path, n.operation) for n in needs(integers)]
    assert found == [
        ("lin.weight", "integer_linear"),
        ("conv.weight", "integer_conv"),
        ("grouped.weight", "integer_conv"),
        ("rnn.weight_ih", "integer_lstm"),
        ("rnn.weight_hh", "integer_lstm"),
        ("rnn.weight_hr", "integer_lstm"),
        ("emb.weight", "integer_embedding"),
    ]
    assert not unserved(integers, BACKEND)
    (finding,) = unserved(integers, Poor())
    assert finding.code == "Q510"
    assert "no kernels for `arithmetic = integer`" in finding.message


@dataclass(frozen=True)
class Poor:
    """A back end that is here and serves little."""

    serves: tuple[Capability, ...] = ()
    name: str = "poor"

    def availability(self):
        return BACKEND.availability()

    def capabilities(self):
        return self.serves

    def repack(self, weight):
        raise AssertionError("asked to repack what it cannot run")

    def register(self, library):
        pass


def test_every_layer_without_a_kernel_is_named_before_loading(make, tmp_path, monkeypatch):
    build(model(make, lambda path: make.format("int8"))).pack(tmp_path / "m")
    for name in ("installed", "backends"):
        monkeypatch.setattr(f"qdsl.fx.ops.{name}", lambda: {"poor": Poor()})
    with pytest.raises(QdslError) as raised:
        load(tmp_path / "m", "poor")
    messages = [d.message for d in raised.value.diagnostics]
    # alike ones are told together
    more = [int(m.split(" and ")[1].split()[0]) for m in messages if " more" in m]
    assert (len(messages), more) == (4, [1, 1])
    assert all("back end `poor` has no kernel" in m for m in messages)


def test_a_back_end_that_is_not_here_says_why(monkeypatch):
    monkeypatch.setattr("qdsl.fx.ops.installed", lambda: {"gone": Availability(False, "no driver")})
    with pytest.raises(QdslError, match=r"Q503\] back end `gone` is not available: no driver"):
        backend("gone")
