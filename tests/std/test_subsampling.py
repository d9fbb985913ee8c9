"""Compares the blocks of std.subsampling with torch.nn: axes last here, channels second there."""

import pytest
import torch
from torch import nn

NET = """
import std.subsampling {{ {kind} }}

model Net(d: int = 8, features: int = 20) {{
    m = {member}
    entry run(audio: f32[B, T, {features}]) {{ return m(audio) }}
    {more}
}}
"""


@pytest.fixture
def make(net):
    """`make("Subsample8(20 -> d)")`: `run(audio)` calls the block `m`."""

    def build(member, more="", features="features"):
        kind = member.partition("(")[0]
        return net(NET.format(kind=kind, member=member, more=more, features=features))

    return build


def conv(weights, name, **options):
    """The nn.Conv2d of those weights."""
    weight = weights[f"{name}.weight"].permute(0, 3, 1, 2)
    outputs, inputs, size, _ = weight.shape
    groups = options.get("groups", 1)
    made = nn.Conv2d(inputs * groups, outputs, size, **options)
    made.weight.data, made.bias.data = weight, weights[f"{name}.bias"]
    return made


def project(weights, y):
    """y [B, C, T, F] → [B, T, d], features before channels."""
    rows = y.permute(0, 2, 3, 1).flatten(2)
    return nn.functional.linear(rows, weights["project.weight"], weights["project.bias"])


HALF = {"stride": 2, "padding": 1}


@pytest.mark.parametrize("frames", [1, 8, 21, 33])
def test_subsample8(make, taken, same, frames):
    program = make("Subsample8(features -> d, channels = 6)")
    weights, x = taken(program, "m"), torch.randn(2, frames, 20)
    y = x[:, None]
    for name in ("first", "second", "third"):
        y = conv(weights, name, **HALF)(y).relu()
    actual = program.run(x)
    assert actual.shape == (2, -(-frames // 8), 8)
    same(actual, project(weights, y))


@pytest.mark.parametrize("frames", [1, 8, 21, 33])
def test_separable_subsample8(make, taken, same, frames):
    program = make("SeparableSubsample8(features -> d, channels = 6)")
    weights, x = taken(program, "m"), torch.randn(2, frames, 20)
    y = conv(weights, "first", **HALF)(x[:, None]).relu()
    for name in ("second", "third"):
        y = conv(weights, f"{name}.depthwise", groups=6, **HALF)(y)
        y = conv(weights, f"{name}.pointwise")(y).relu()
    same(program.run(x), project(weights, y))


@pytest.mark.parametrize("frames", [4, 11, 16])
def test_vgg_subsample(make, taken, same, frames):
    program = make("VggSubsample(21 -> d, channels = 3)", features="21")
    weights, x = taken(program, "m"), torch.randn(2, frames, 21)
    y = x[:, None]
    for stage in ("first", "second"):
        for name in ("first", "second"):
            y = conv(weights, f"{stage}.{name}", padding=1)(y).relu()
        y = nn.functional.max_pool2d(y, 2)
    same(program.run(x), project(weights, y))


@pytest.mark.parametrize(("stride", "frames"), [(2, 8), (2, 7), (3, 9)])
def test_funnel_pooling(make, taken, same, stride, frames):
    masked = "entry masked(x: f32[B, T, d], keep: bool[B, T]) { return m(x, keep) }"
    program = make(f"FunnelPooling(d, heads = 2, stride = {stride})", masked, features="d")
    weights, x = taken(program, "m"), torch.randn(2, frames, 8)
    expected = nn.MultiheadAttention(8, 2, batch_first=True)
    parts = ("query", "key", "value")
    with torch.no_grad():
        for name, given in (("weight", "in_proj_weight"), ("bias", "in_proj_bias")):
            together = torch.cat([weights[f"attention.{p}.{name}"] for p in parts])
            getattr(expected, given).copy_(together)
            getattr(expected.out_proj, name).copy_(weights[f"attention.output.{name}"])
    means = nn.functional.avg_pool1d(x.transpose(1, 2), stride).transpose(1, 2)
    keep = torch.arange(frames) < torch.tensor([[frames], [4]])

    def pooled(mask):
        mixed, _ = expected(means, x, x, key_padding_mask=mask)
        return nn.functional.layer_norm(
            means + mixed, (8,), weights["norm.weight"], weights["norm.bias"]
        )

    same(program.run(x), pooled(None))
    same(program.masked(x, keep), pooled(~keep))


STEP = """entry step(
    audio: f32[B, T, features],
    frame: f32[B, 1, features] = zeros,
    inner: f32[B, 1, (features - 1) // 2 + 1, 6] = zeros
) { return m.step(audio, frame, inner) }"""


def test_causal_subsample(make, taken, same):
    program = make("CausalSubsample(features -> d, channels = 6)", STEP)
    weights, x = taken(program, "m"), torch.randn(2, 22, 20)
    y = x[:, None]
    for name in ("first", "second"):
        padded = nn.functional.pad(y, (1, 1, 1, 0))
        y = conv(weights, f"{name}.conv", stride=2)(padded).relu()
    actual = program.run(x)
    assert actual.shape == (2, 5, 8)
    same(actual, project(weights, y))


@pytest.mark.parametrize("size", [4, 8, 12, 24])
def test_causal_pieces_are_the_whole(make, same, size):
    program = make("CausalSubsample(features -> d, channels = 6)", STEP)
    x, pieces, states = torch.randn(2, 24, 20), [], ()
    for piece in x.split(size, 1):
        y, *states = program.step(piece, *states)
        pieces.append(y)
    same(torch.cat(pieces, 1), program.run(x))


def test_causal_frames_do_not_see_what_comes(make):
    program = make("CausalSubsample(features -> d, channels = 6)")
    x = torch.randn(1, 16, 20)
    later = x.clone()
    later[:, 8:] = 0
    before, after = program.run(x), program.run(later)
    torch.testing.assert_close(before[:, :2], after[:, :2])
    assert not torch.allclose(before[:, 2:], after[:, 2:])
