"""Compares lowered layers with those of torch.nn that have the same weights."""

import pytest
import torch
from torch import nn

from qdsl.fx import Program, build, operations, recurrence
from qdsl.layers.batchnorm import BatchNorm
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.conv2d import Conv2d
from qdsl.layers.embedding import Embedding
from qdsl.layers.gru import GRU
from qdsl.layers.layernorm import LayerNorm
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM


def check(actual: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-6)


def weights(program: Program) -> dict[str, torch.Tensor]:
    return {k.removeprefix("layer."): v for k, v in program.state_dict().items()}


@pytest.mark.parametrize("bias", [True, False])
def test_linear(make, bias):
    program = build(make.layer_model(Linear(5, 7, bias), make.type("f32", "B", "T", 5)))
    expected = nn.Linear(5, 7, bias)
    expected.load_state_dict(weights(program))
    x = torch.randn(2, 3, 5)
    check(program(x), expected(x))


def test_embedding(make):
    program = build(make.layer_model(Embedding(11, 6), make.type("i64", "B", "U")))
    ids = torch.randint(11, (2, 5))
    check(program(ids), program.layer.weight[ids])


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation", "groups"),
    [
        (3, 1, "valid", 1, 1),
        (5, 2, "half", 1, 2),
        (3, 1, "causal", 2, 1),
        (4, 1, "same", 1, 1),
        (1, 1, "valid", 1, 1),
        (31, 1, "same", 1, 6),
    ],
)
def test_conv1d(make, kernel, stride, padding, dilation, groups):
    layer = Conv1d(6, 12, kernel, stride, padding, dilation, groups)
    program = build(make.layer_model(layer, make.type("f32", "B", "T", 6)))
    expected = nn.Conv1d(6, 12, kernel, stride, dilation=dilation, groups=groups)
    state = weights(program)
    expected.load_state_dict({**state, "weight": state["weight"].permute(0, 2, 1)})
    x = torch.randn(2, 40, 6)
    span = dilation * (kernel - 1)
    before = {"valid": 0, "half": span // 2, "causal": span, "same": span // 2}[padding]
    after = {"valid": 0, "half": span // 2, "causal": 0, "same": span - span // 2}[padding]
    padded = nn.functional.pad(x.transpose(1, 2), (before, after))
    check(program(x), expected(padded).transpose(1, 2))


@pytest.mark.parametrize(("stride", "padding"), [(2, "half"), (1, "causal")])
@pytest.mark.parametrize("groups", [1, 3])
def test_conv2d(make, stride, padding, groups):
    layer = Conv2d(3, 6, 3, stride, padding, groups=groups)
    program = build(make.layer_model(layer, make.type("f32", "B", "T", 16, 3)))
    state = weights(program)
    expected = nn.Conv2d(3, 6, 3, stride, groups=groups)
    expected.load_state_dict({**state, "weight": state["weight"].permute(0, 3, 1, 2)})
    x = torch.randn(2, 12, 16, 3)
    edges = (1, 1, 1, 1) if padding == "half" else (2, 0, 2, 0)
    padded = nn.functional.pad(x.permute(0, 3, 1, 2), edges)
    check(program(x), expected(padded).permute(0, 2, 3, 1))


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("projection", [0, 3])
def test_lstm(make, projection):
    layer = LSTM(5, 8, projection)
    types = make.type("f32", "B", "T", 5), make.type("f32", "B", projection or 8)
    types = (*types, make.type("f32", "B", 8))
    program = build(make.layer_model(layer, *types, function="step"))
    state = weights(program)
    expected = nn.LSTM(5, 8, batch_first=True, proj_size=projection)
    renamed = {f"{k}_l0": v for k, v in state.items() if k != "bias"}
    renamed |= {"bias_ih_l0": state["bias"], "bias_hh_l0": torch.zeros(32)}
    expected.load_state_dict(renamed)
    x, h, c = torch.randn(2, 7, 5), torch.randn(2, projection or 8), torch.randn(2, 8)
    y, (h1, c1) = expected(x, (h[None], c[None]))
    for actual, wanted in zip(program(x, h, c), (y, h1[0], c1[0]), strict=True):
        check(actual, wanted)


def test_lstm_from_zeros(make):
    program = build(make.layer_model(LSTM(5, 8), make.type("f32", "B", "T", 5)))
    x = torch.randn(2, 7, 5)
    check(program(x)[:, :3], program(x[:, :3]))


def test_gru(make):
    types = make.type("f32", "B", "T", 5), make.type("f32", "B", 8)
    program = build(make.layer_model(GRU(5, 8), *types, function="step"))
    expected = nn.GRU(5, 8, batch_first=True)
    with torch.no_grad():
        # torch's two biases of r and z are summed
        program.layer.weight_ih.copy_(expected.weight_ih_l0)
        program.layer.weight_hh.copy_(expected.weight_hh_l0)
        recurrent = expected.bias_hh_l0.clone()
        program.layer.bias_hn.copy_(recurrent[16:])
        recurrent[16:] = 0
        program.layer.bias.copy_(expected.bias_ih_l0 + recurrent)
    x, h = torch.randn(2, 7, 5), torch.randn(2, 8)
    y, h1 = expected(x, h[None])
    for actual, wanted in zip(program(x, h), (y, h1[0]), strict=True):
        check(actual, wanted)


@pytest.mark.parametrize("size", [1, 2, 7])
def test_gru_piece_by_piece(make, size):
    types = make.type("f32", "B", "T", 5), make.type("f32", "B", 8)
    program = build(make.layer_model(GRU(5, 8), *types, function="step"))
    x, h = torch.randn(2, 7, 5), torch.zeros(2, 8)
    whole, last = program(x, h)
    pieces = []
    for piece in x.split(size, 1):
        y, h = program(piece, h)
        pieces.append(y)
    check(torch.cat(pieces, 1), whole)
    check(h, last)


@pytest.mark.parametrize(
    ("rounded", "function", "gates", "states"),
    [
        (recurrence.rounded_lstm, operations.lstm, 4, 2),
        (recurrence.rounded_gru, operations.gru, 3, 1),
    ],
    ids=["lstm", "gru"],
)
def test_a_rounded_state_is_near_the_state(rounded, function, gates, states):
    weights = [torch.randn(gates * 8, 5), torch.randn(gates * 8, 8) / 3, torch.randn(gates * 8)]
    if rounded is recurrence.rounded_gru:
        weights.append(torch.randn(8))
    given = torch.randn(2, 7, 5), *(torch.randn(states, 2, 8))
    for actual, wanted in zip(rounded(*given, *weights), function(*given, *weights), strict=True):
        torch.testing.assert_close(actual, wanted, rtol=0, atol=0.05)
        assert not torch.equal(actual, wanted)


@pytest.mark.parametrize(
    ("function", "gates", "states"),
    [
        (operations.lstm, 4, 2),
        (recurrence.rounded_lstm, 4, 2),
        (operations.gru, 3, 1),
        (recurrence.rounded_gru, 3, 1),
    ],
)
def test_no_time_leaves_the_states(function, gates, states):
    weights = [torch.randn(gates * 8, 5), torch.randn(gates * 8, 8), torch.randn(gates * 8)]
    given = [torch.randn(2, 8) for _ in range(states)]
    y, *left = function(torch.randn(2, 0, 5), *given, *weights, *[torch.randn(8)] * (gates == 3))
    assert y.shape == (2, 0, 8)
    assert all(torch.equal(a, b) for a, b in zip(left, given, strict=True))


def test_inputs_whose_names_are_not_pythons(make):
    """Elements of an array, a word of Python, and a name that one of the elements took."""
    names = ("x[0]", "x[1]", "x_1", "lambda", "self")
    inputs = dict.fromkeys(names, make.type("f32", "B", 3))
    maker = make.maker({"layer": Linear(3, 2)})
    maker.entry("forward", inputs, lambda body, *x: tuple(body.call("layer", v) for v in x))
    program = build(maker.model())
    x = torch.randn(5, 1, 3)
    check(torch.stack(program(*x)), nn.functional.linear(x, **weights(program)))
    assert program(x_0=x[0], x_1=x[1], x_1_=x[2], lambda_=x[3], self_=x[4])[4].shape == (1, 2)


def test_layer_norm(make):
    program = build(make.layer_model(LayerNorm(9), make.type("f32", "B", "T", 9)))
    with torch.no_grad():
        program.layer.weight.uniform_()
    expected = nn.LayerNorm(9)
    expected.load_state_dict(weights(program))
    x = torch.randn(2, 4, 9)
    check(program(x), expected(x))


def test_batch_norm_trains_and_evaluates(make):
    program = build(make.layer_model(BatchNorm(6), make.type("f32", "B", "T", 6)))
    expected = nn.BatchNorm1d(6)
    for _ in range(3):
        x = torch.randn(4, 5, 6) * 3 + 1
        check(program(x), expected(x.transpose(1, 2)).transpose(1, 2))
    check(program.layer.running_var, expected.running_var)
    program.eval(), expected.eval()
    check(program(x), expected(x.transpose(1, 2)).transpose(1, 2))
