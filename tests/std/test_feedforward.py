"""Compares the feed-forward blocks with torch."""

import pytest
import torch
import torch.nn.functional as F

ACTIVATIONS = {
    "relu": F.relu,
    "silu": F.silu,
    "gelu": F.gelu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


def text(kind: str, options: str = "") -> str:
    return f"""
        import std.feedforward {{ {kind} }}

        model Net(d: int = 6) {{
            m = {kind}(d{options})

            entry run(x: f32[B, T, d]) {{ return m(x) }}
        }}
    """


def mapped(x, weights, name):
    return F.linear(x, weights[f"{name}.weight"], weights.get(f"{name}.bias"))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_feed_forward(net, taken, same, activation):
    program = net(text("FeedForward", f", expansion = 3, activation = {activation}"))
    weights, x = taken(program, "m"), torch.randn(2, 5, 6)
    y = F.layer_norm(x, (6,), weights["norm.weight"], weights["norm.bias"])
    y = ACTIVATIONS[activation](mapped(y, weights, "up"))
    same(program.run(x), mapped(y, weights, "down"))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("prenorm", [True, False])
def test_gated(net, taken, same, activation, prenorm):
    """arXiv 2002.05202: (act(x·W) ⊗ x·V)·W₂."""
    options = f", activation = {activation}, prenorm = {str(prenorm).lower()}"
    program = net(text("GatedFeedForward", options))
    weights, x = taken(program, "m"), torch.randn(2, 5, 6)
    y = x
    if prenorm:
        y = F.layer_norm(x, (6,), weights["norm.weight"], weights["norm.bias"])
    y = ACTIVATIONS[activation](mapped(y, weights, "gate")) * mapped(y, weights, "up")
    same(program.run(x), mapped(y, weights, "down"))


def test_sigmoid_gates_are_glu(net, taken, same):
    program = net(text("GatedFeedForward", ", activation = sigmoid, prenorm = false, bias = false"))
    weights, x = taken(program, "m"), torch.randn(2, 5, 6)
    assert not any("bias" in name for name in weights)
    both = torch.cat((weights["up.weight"], weights["gate.weight"]))
    same(program.run(x), F.glu(F.linear(x, both)) @ weights["down.weight"].T)


def test_silu_is_the_default(net):
    x = torch.randn(1, 3, 6)
    programs = [net(text("FeedForward", o)) for o in ("", ", activation = silu")]
    for program in programs[1:]:
        program.load_state_dict(programs[0].state_dict())
    assert torch.equal(programs[0].run(x), programs[1].run(x))
