"""Compares the blocks of std.rnnt with what their papers say, written out in torch."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

STATELESS = """
import std.rnnt {{ StatelessPrediction }}

model Net(vocab: int = 9, d: int = 8) {{
    m = StatelessPrediction(vocab, d, {arguments})
    entry run(labels: i64[B, U]) {{ return m(labels) }}
    entry last(labels: i64[B, {context}]) {{ return m.last(labels) }}
}}
"""


@pytest.mark.parametrize(("context", "groups"), [(1, 1), (2, 1), (3, 4)])
def test_a_stateless_prediction_network(net, taken, same, context, groups):
    arguments = f"context = {context}, groups = {groups}"
    program = net(STATELESS.format(arguments=arguments, context=context))
    weights = taken(program, "m")
    labels = torch.randint(9, (2, 5))
    padded = F.pad(labels, (context, 0))
    x = weights["embedding.weight"][padded].transpose(1, 2)
    if context > 1:
        conv = nn.Conv1d(8, 8, context, groups=groups, bias=False)
        conv.weight.data = weights["mix.weight"].transpose(1, 2)
        expected = conv(x).relu().transpose(1, 2)
    else:
        expected = x.transpose(1, 2)
    actual = program.run(labels)
    same(actual, expected[:, : actual.shape[1]])
    for u in range(6):
        same(program.last(padded[:, u : u + context]), actual[:, u : u + 1])


HAT = """
import std.rnnt { HatJoint }

model Net(d: int = 8, vocab: int = 5, width: int = 6) {
    m = HatJoint(d -> vocab, width)
    entry run(f: f32[B, S, d], g: f32[B, P, width]) { return m(f, g) }
    entry internal(g: f32[B, P, width]) { return m.internal(g) }
}
"""


def linear(weights, name, x):
    return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_a_hat_joint(net, taken, same, scale):
    program = net(HAT)
    with torch.no_grad():
        program.m.output.weight.mul_(scale)
    weights = taken(program, "m")
    f, g = torch.randn(2, 3, 8), torch.randn(2, 4, 6)
    hidden = linear(weights, "frames", f)[:, :, None] + linear(weights, "states", g)[:, None]
    logits = linear(weights, "output", hidden.tanh())
    blank, labels = logits[..., :1], logits[..., 1:]
    emitted = F.logsigmoid(-blank) + labels.log_softmax(-1)
    actual = program.run(f, g)
    same(actual, torch.cat((F.logsigmoid(blank), emitted), -1))
    same(actual.logsumexp(-1), torch.zeros(2, 3, 4))


def test_the_internal_language_model(net, taken, same):
    program = net(HAT)
    weights = taken(program, "m")
    g = torch.randn(2, 4, 6)
    logits = linear(weights, "output", linear(weights, "states", g).tanh())
    same(program.internal(g), logits[..., 1:].log_softmax(-1))


def test_a_hat_joint_trains(net):
    program = net(HAT).train()
    f, g = 30 * torch.randn(2, 3, 8), torch.randn(2, 4, 6)
    program.run(f, g).sum().backward()
    gradients = [p.grad for p in program.parameters()]
    assert all(g.isfinite().all() for g in gradients)


def test_the_output_may_be_tied(net):
    program = net("""
        import std.rnnt { HatJoint, StatelessPrediction }
        model Net(d: int = 8, vocab: int = 5) {
            p = StatelessPrediction(vocab, d)
            m = HatJoint(d -> vocab)
            tie m.output.weight = p.embedding.weight
            entry run(f: f32[B, S, d], labels: i64[B, U]) { return m(f, p(labels)) }
        }
    """)
    assert "m.output.weight" not in program.state_dict()
    assert program.run(torch.randn(1, 2, 8), torch.tensor([[1, 2]])).shape == (1, 2, 3, 5)


def test_a_ctc_head(net, taken, same):
    program = net("""
        import std.rnnt { CtcHead }
        model Net(d: int = 8) {
            m = CtcHead(d -> 5)
            entry run(x: f32[B, T, d]) { return m(x) }
        }
    """)
    x = torch.randn(2, 7, 8)
    same(program.run(x), linear(taken(program, "m"), "output", x).log_softmax(-1))
