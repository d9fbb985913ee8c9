"""Holds masks that rank weights by their inputs to what the inputs are."""

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F

from qdsl.fx import Schedule, build
from qdsl.fx.masks import nm_mask
from qdsl.ir.pattern import NM
from qdsl.layers.conv1d import Conv1d
from qdsl.layers.conv2d import Conv2d
from qdsl.layers.gru import GRU
from qdsl.layers.linear import Linear
from qdsl.layers.lstm import LSTM
from tests.fx.sparse.stepping import step

OBSERVED = Schedule(score="activation")
X, IDS = torch.randn(2, 7, 8), torch.randint(12, (2, 6))
LAYERS = {
    "linear": (Linear(8, 6), (2, 7, 8), ("B", "T", 8)),
    "conv1d": (Conv1d(8, 6, 3, padding="causal", dilation=2), (2, 7, 8), ("B", "T", 8)),
    "conv2d": (Conv2d(8, 4, 2, stride=2), (2, 4, 5, 8), ("B", "T", "F", 8)),
    "grouped": (Conv1d(8, 6, 2, groups=2), (2, 7, 8), ("B", "T", 8)),
    "depthwise": (Conv1d(8, 8, 4, groups=8), (2, 7, 8), ("B", "T", 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_inputs_are_those_whose_weights_make_the_output(one, make, name):
    """With weights of 1 and inputs |x|, an output is what its inputs sum to: no shape is needed."""
    layer, shape, dims = LAYERS[name]
    program = one(layer, make.format("f32", pattern=NM(2, 4)), dims, schedule=OBSERVED)
    x = torch.randn(shape)
    program(x)
    ((key, quantizer, weight),) = program.quantizers()
    plain = build(program.ir)
    with torch.no_grad():
        for p in plain.parameters():
            p.zero_()
        rows = plain.get_parameter(key).view(quantizer.matrix)
        part = quantizer.matrix[0] // quantizer.inputs.shape[0]
        for row in range(0, quantizer.matrix[0], part):
            for column in range(quantizer.matrix[1]):
                rows.zero_()[row, column] = 1
                expected = plain(x.abs()).sum()
                torch.testing.assert_close(quantizer.inputs[row // part, column], expected)
    met = quantizer.inputs.repeat_interleave(part, 0)
    assert torch.equal(quantizer.mask, nm_mask(weight.detach().view_as(met) * met, NM(2, 4)))
    program.eval()(x)
    assert torch.equal(quantizer.inputs.repeat_interleave(part, 0), met)


@pytest.mark.parametrize("kind", [LSTM, GRU])
def test_states_are_inputs_of_recurrent_weights(one, make, kind):
    format = make.format("f32", pattern=NM(2, 4))
    program = one(kind(8, 4), format, ("B", "T", 8), schedule=OBSERVED)
    y = program(X).detach()
    found = {key.rpartition("_")[2]: q.inputs for key, q, _ in program.quantizers()}
    torch.testing.assert_close(found["ih"], X.abs().sum((0, 1)).view(1, -1))
    torch.testing.assert_close(found["hh"], y[:, :-1].abs().sum((0, 1)).view(1, -1))


def test_graphs_sum_inputs_only_while_a_stage_asks(network, make):
    program = build(network(make.format("int4", pattern=NM(2, 4)))).to_qat()
    before, keys = str(program.graph("forward")), set(program.state_dict())
    program.begin(OBSERVED)
    assert str(program.graph("forward")) != before
    added = set(program.state_dict()) - keys
    assert added == {k.replace("mask", "inputs") for k in keys if k.endswith("mask")}
    program.begin(Schedule())
    assert str(program.graph("forward")) == before
    assert set(program.state_dict()) == keys


def test_replicas_rank_by_what_all_of_them_have_met(one, make, monkeypatch):
    """The other replica's share of the sum is told as 3 times the own one."""
    monkeypatch.setattr("torch.distributed.is_initialized", lambda: True)
    monkeypatch.setattr("torch.distributed.all_reduce", lambda total: total.mul_(4))
    program = one(Linear(8, 6), make.format("f32", pattern=NM(2, 4)), ("B", 8), schedule=OBSERVED)
    x = torch.randn(3, 8)
    program(x)
    inputs = program.state_dict()["layer.weight.q.inputs"]
    torch.testing.assert_close(inputs, 4 * x.abs().sum(0, keepdim=True))


def test_what_weights_meet_changes_which_stay(one, make):
    format = make.format("f32", pattern=NM(2, 4))
    program = one(Linear(8, 6, False), format, ("B", 8), schedule=OBSERVED)
    x = torch.tensor([[0.0, 9, 9, 0, 1, 1, 0, 0]])
    y = program(x)
    mask = program.state_dict()["layer.weight.q.mask"]
    assert mask[:, [1, 2, 4, 5]].all()
    assert torch.equal(y, F.linear(x, program.layer.weight))


def test_a_resumed_run_has_the_same_masks(network, make):
    def fresh():
        program = build(network(make.format("int4", pattern=NM(2, 4)))).to_qat().train()
        program.begin(OBSERVED)
        return program

    program = fresh()
    step(program, IDS)
    step(program, IDS)
    saved = deepcopy(program.state_dict())
    again = fresh()
    again.load_state_dict(saved)
    for p in (program, again):
        step(p, IDS)
        step(p, IDS)
    expected, found = program.state_dict(), again.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[k], found[k]) for k in expected)
