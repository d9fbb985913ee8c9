"""Compares the blocks of std.vision with torch.nn: axes last here, channels second there."""

from pathlib import Path

import pytest
import torch
from torch import nn

from qdsl import load_spec, target
from qdsl.fx import load, verify

NET = """
import std.vision {{ {kind} }}

model Net() {{
    m = {member}
    entry run(x: f32[B, H, W, {inputs}]) {{ return m(x) }}
}}
"""


@pytest.fixture
def make(net):
    """`make("ResidualBlock(4 -> 8)", 4)`: a program with the block as member `m`."""

    def build(member, inputs):
        return net(NET.format(kind=member.partition("(")[0], member=member, inputs=inputs))

    return build


def conv(weights, name, stride=1, groups=1):
    """A convolution without bias that halves its kernel around a position."""
    weight = weights[f"{name}.weight"].permute(0, 3, 1, 2)
    outputs, inputs, size, _ = weight.shape
    made = nn.Conv2d(inputs * groups, outputs, size, stride, size // 2, groups=groups, bias=False)
    made.weight.data = weight
    return made


def norm(weights, name):
    made = nn.BatchNorm2d(weights[f"{name}.weight"].numel())
    below = {k.removeprefix(f"{name}."): v for k, v in weights.items() if k.startswith(f"{name}.")}
    made.load_state_dict(below, strict=False)
    return made.eval()


def conv_norm_relu(weights, name, **options):
    return nn.Sequential(
        conv(weights, f"{name}.conv", **options), norm(weights, f"{name}.norm"), nn.ReLU()
    )


def second(x):
    return x.permute(0, 3, 1, 2)


def past(weights, x, stride):
    if "shortcut.conv.weight" not in weights:
        return x
    return norm(weights, "shortcut.norm")(conv(weights, "shortcut.conv", stride)(x))


SHAPES = [(8, 8, 1), (8, 12, 1), (8, 8, 2), (8, 16, 2)]


@pytest.mark.parametrize(("inputs", "outputs", "stride"), SHAPES)
def test_a_residual_block(make, taken, same, inputs, outputs, stride):
    program = make(f"ResidualBlock({inputs} -> {outputs}, {stride})", inputs)
    weights, x = taken(program, "m"), torch.randn(2, 7, 10, inputs)
    assert ("shortcut.conv.weight" in weights) == ((inputs, stride) != (outputs, 1))
    y = norm(weights, "norm1")(conv(weights, "conv1", stride)(second(x))).relu()
    y = norm(weights, "norm2")(conv(weights, "conv2")(y))
    same(second(program.run(x)), (y + past(weights, second(x), stride)).relu())


@pytest.mark.parametrize(("inputs", "outputs", "stride"), SHAPES)
def test_a_bottleneck_block(make, taken, same, inputs, outputs, stride):
    program = make(f"BottleneckBlock({inputs} -> {outputs}, {stride})", inputs)
    weights, x = taken(program, "m"), torch.randn(2, 7, 10, inputs)
    assert weights["conv2.weight"].shape == (outputs // 4, 3, 3, outputs // 4)
    y = norm(weights, "norm1")(conv(weights, "conv1")(second(x))).relu()
    y = norm(weights, "norm2")(conv(weights, "conv2", stride)(y)).relu()
    y = norm(weights, "norm3")(conv(weights, "conv3")(y))
    same(second(program.run(x)), (y + past(weights, second(x), stride)).relu())


@pytest.mark.parametrize("stride", [1, 2])
def test_depthwise_separable(make, taken, same, stride):
    program = make(f"DepthwiseSeparable(6 -> 8, {stride})", 6)
    weights, x = taken(program, "m"), torch.randn(2, 7, 10, 6)
    y = conv_norm_relu(weights, "depthwise", stride=stride, groups=6)(second(x))
    same(second(program.run(x)), conv_norm_relu(weights, "pointwise")(y))


def test_a_classifier(make, taken, same):
    program = make("ClassifierHead(6 -> 4, dropout = 0.2)", 6)
    output, x = taken(program, "m.output"), torch.randn(2, 5, 3, 6)
    pooled = nn.AdaptiveAvgPool2d(1)(second(x)).flatten(1)
    same(program.run(x), nn.functional.linear(pooled, output["weight"], output["bias"]))


RESNET = Path(__file__).parents[2] / "specs" / "resnet.qspec"


@pytest.mark.parametrize("backend", ["reference", "cpu"])
@pytest.mark.parametrize("name", ["int4", "int4_deploy", "sparse"])
def test_a_resnet_is_packed(tmp_path, name, backend):
    if backend == "cpu" and not target.backends()["cpu"].availability().available:
        pytest.skip("back end `cpu` is not here")
    variant = load_spec(RESNET).variants[name]
    program = variant.program(seed=1).to_qat().eval()
    path, images = tmp_path / "model.qpack", torch.randn(1, 32, 32, 3)
    assert program.pack(path) == variant.size().total_bytes
    report = verify(program, path, [("classify", (images,))], backend)
    assert report.ok, str(report)
    assert {r.kind for r in report.layers} == {"Conv", "Linear"}
    (entry,) = report.entries
    assert entry.equal or (backend == "cpu" and name != "int4_deploy")
    with torch.no_grad():
        expected, actual = program.classify(images), load(path, backend).classify(images)
    near = 0.05 if name == "int4_deploy" else 1e-4
    torch.testing.assert_close(actual, expected, atol=near, rtol=near)


def test_a_resnet_trains():
    program = load_spec(RESNET).variants["int4"].program(seed=1).to_qat().train()
    program.classify(torch.randn(2, 32, 32, 3)).logsumexp(-1).sum().backward()
    assert program.stem.conv.weight.grad.isfinite().all()
    assert program.narrow.rest[1].conv2.weight.grad.abs().sum() > 0
