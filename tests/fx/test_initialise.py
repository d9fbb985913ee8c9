"""Checks first values: their distribution, and that each depends on its own path alone."""

import math

import torch

from qdsl.fx import build, initialise
from qdsl.fx.initialise import initial
from qdsl.ir.model import Parameter, Role
from qdsl.layers.linear import Linear


def chain(make, names):
    maker = make.maker({n: Linear(8, 8) for n in names})

    def forward(body, x):
        for name in names:
            x = body.call(name, x)
        return x

    return build(maker.entry("forward", {"x": make.type("f32", "B", 8)}, forward).model())


def test_a_layer_more_changes_no_other(make):
    short, long = chain(make, "ab"), chain(make, "cab")
    assert torch.equal(short.a.weight, long.a.weight)
    assert torch.equal(short.b.bias, long.b.bias)
    assert not torch.equal(long.a.weight, long.c.weight)


def test_seeds(make):
    program, other = chain(make, "a"), chain(make, "a")
    initialise(other, 1)
    assert not torch.equal(program.a.weight, other.a.weight)
    initialise(other, 0)
    assert torch.equal(program.a.weight, other.a.weight)


def test_distributions():
    generator = torch.Generator().manual_seed(0)

    def value(init, shape=(64, 32)):
        return initial(Parameter("w", shape, Role.WEIGHT, init), generator)

    uniform = value("uniform(16)")
    assert 0.24 < uniform.abs().max() <= 0.25
    assert abs(value("normal").std() - 1) < 0.05
    xavier = value("xavier")
    assert 0.95 < xavier.abs().max() / math.sqrt(6 / 96) <= 1
    orthogonal = value("orthogonal")
    torch.testing.assert_close(orthogonal.T @ orthogonal, torch.eye(32))
    assert value("ones").min() == 1
    assert value("zeros").max() == 0
