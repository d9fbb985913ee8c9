"""Compares the parts of std.speech around the Conformer with modules and formulas of torch."""

import pytest
import torch
from torch import nn

SUBSAMPLE = """
import std.speech {{ ConvSubsample }}

model Net(d: int = 6) {{
    m = ConvSubsample({features} -> d, factor = {factor})
    entry run(audio: f32[B, T, {features}]) {{ return m(audio) }}
}}
"""


def convolved(weights, name, x):
    weight = weights[f"{name}.weight"].permute(0, 3, 1, 2)
    bias = weights[f"{name}.bias"]
    return nn.functional.conv2d(x, weight, bias, stride=2, padding=1).relu()


@pytest.mark.parametrize("frames", [1, 4, 7, 18])
@pytest.mark.parametrize("features", [13, 20])
@pytest.mark.parametrize("factor", [2, 4])
def test_subsampling(net, taken, same, factor, features, frames):
    program = net(SUBSAMPLE.format(factor=factor, features=features))
    weights, x = taken(program, "m"), torch.randn(2, frames, features)
    y = convolved(weights, "first", x[:, None])
    y = convolved(weights, "second", y) if factor == 4 else y
    rows = y.permute(0, 2, 3, 1).flatten(2)
    actual = program.run(x)
    assert actual.shape[1] == -(-frames // factor)
    assert ("second.weight" in weights) == (factor == 4)
    same(actual, nn.functional.linear(rows, weights["project.weight"], weights["project.bias"]))


LSTM = """
import std.speech {{ LstmPrediction }}

model Net(vocab: int = 9, d: int = 5) {{
    m = LstmPrediction(vocab, d, 8, {projection})
    entry run(labels: i64[B, U]) {{ return m(labels) }}
    entry step(label: i64[B, 1], h: f32[B, {out}] = zeros, c: f32[B, 8] = zeros) {{
        y, h, c = m.step(label, h, c)
        return y, h, c
    }}
}}
"""


@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("projection", [0, 3])
def test_an_lstm_over_labels(net, taken, same, projection):
    program = net(LSTM.format(projection=projection, out=projection or 8))
    weights, labels = taken(program, "m"), torch.randint(9, (2, 6))
    lstm = nn.LSTM(5, 8, batch_first=True, proj_size=projection)
    with torch.no_grad():
        for name, value in lstm.named_parameters():
            value.zero_()  # torch has two biases
            key = f"lstm.{name.removesuffix('_l0').replace('bias_ih', 'bias')}"
            if name != "bias_hh_l0":
                value.copy_(weights[key])
    begun = torch.cat((torch.zeros(2, 1, dtype=torch.int64), labels), 1)
    expected, (h, c) = lstm(weights["embedding.weight"][begun])
    same(program.run(labels), expected)
    steps, state = [], ()
    for label in begun.split(1, 1):
        y, *state = program.step(label, *state)
        steps.append(y)
    same(torch.cat(steps, 1), expected)
    same(state[0], h[0])
    same(state[1], c[0])


REDUCED = """
import std.speech {{ ReducedPrediction }}

model Net(vocab: int = 9, d: int = 6) {{
    m = ReducedPrediction(vocab, d, heads = {heads}, context = {context})
    entry run(labels: i64[B, U]) {{ return m(labels) }}
    entry last(labels: i64[B, {context}]) {{ return m.last(labels) }}
}}
"""


def reduced(weights, heads, context, x):
    """Equation by equation: x [B, U, d] are embeddings, of which those before the first are 0."""
    batch, labels, d = x.shape
    rows = []
    for u in range(labels + 1):
        total = torch.zeros(batch, d)
        for head in range(heads):
            for n in range(context):
                at = u - context + n
                if at >= 0:
                    weight = (x[:, at] * weights["position"][head, n]).sum(-1, keepdim=True)
                    total = total + weight * x[:, at]
        rows.append(total / (heads * context))
    y = torch.stack(rows, 1)
    y = nn.functional.linear(y, weights["project.weight"], weights["project.bias"])
    y = nn.functional.layer_norm(y, (d,), weights["norm.weight"], weights["norm.bias"])
    return nn.functional.silu(y)


@pytest.mark.parametrize(("heads", "context"), [(1, 1), (4, 2), (3, 5)])
def test_a_prediction_network_without_recurrence(net, taken, same, heads, context):
    program = net(REDUCED.format(heads=heads, context=context))
    weights, labels = taken(program, "m"), torch.randint(9, (2, 7))
    whole = program.run(labels)
    same(whole, reduced(weights, heads, context, weights["embedding.weight"][labels]))
    for u in range(context, 8):
        same(program.last(labels[:, u - context : u]), whole[:, u : u + 1])


JOINT = """
import std.speech {{ Joint }}

model Net(d: int = 8) {{
    m = Joint({arguments})
    entry run(f: f32[B, S, d], g: f32[B, P, {width}]) {{ return m(f, g) }}
}}
"""


@pytest.mark.parametrize(("arguments", "width"), [("d, 5", 8), ("d, 5, from_states = 6", 6)])
def test_a_joint(net, taken, same, arguments, width):
    program = net(JOINT.format(arguments=arguments, width=width))
    weights = taken(program, "m")
    f, g = torch.randn(2, 3, 8), torch.randn(2, 4, width)
    assert "states.bias" not in weights
    actual = program.run(f, g)
    assert actual.shape == (2, 3, 4, 5)
    for s in range(3):
        for p in range(4):
            frame = nn.functional.linear(f[:, s], weights["frames.weight"], weights["frames.bias"])
            hidden = (frame + g[:, p] @ weights["states.weight"].T).tanh()
            expected = hidden @ weights["output.weight"].T + weights["output.bias"]
            same(actual[:, s, p], expected)
