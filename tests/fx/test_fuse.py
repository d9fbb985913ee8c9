"""Checks that products take a relu and a residual, and that nothing else changes."""

from dataclasses import replace

import pytest
import torch

from qdsl.fx import load, verify
from qdsl.fx.ops import operation
from qdsl.spec import load_spec

SPEC = """qspec 1
model Net {
    up = Linear(8 -> 12)
    down = Linear(12 -> 8)
    side = Linear(8 -> 1)

    entry forward(x: f32[B, T, 8]) -> f32[B, T, 8] {
        h = relu(up(x))
        y = x + down(h)
        twice = up(y)
        z = relu(twice) + twice
        return relu(down(z)) + y + side(x)
    }
}
policy p for Net { default { weights = int4 }  **:Linear { activations = int8(dynamic) } }
variant v { model = Net  policy = p }
"""


@pytest.fixture(params=["reference", "cpu"])
def packed(request, tmp_path):
    (tmp_path / "net.qspec").write_text(SPEC)
    program = load_spec(tmp_path / "net.qspec").variants["v"].program(seed=0).to_qat().eval()
    path = tmp_path / "net.qpack"
    program.pack(path)
    return load(path, request.param), program, path, request.param


def test_what_is_fused(packed):
    program, _, _, backend = packed
    linear = operation("linear", "reference" if backend == "reference" else "default")
    nodes = list(program.graph("forward").nodes)
    products = [dict.fromkeys(n.kwargs) for n in nodes if n.target is linear]
    # the second use of `up` is read twice; a value of another shape is no residual
    assert [sorted(p) for p in products] == [["relu"], ["residual"], [], ["relu", "residual"], []]
    targets = [n.target for n in nodes]
    assert targets.count(torch.relu) == 1
    assert targets.count("add_") == 2


def test_results_are_equal(packed):
    program, trained, path, backend = packed
    x = torch.randn(2, 5, 8)
    x[0, 1, 2] = float("nan")
    fused = program(x)
    program.relower(replace(program.lowering, fuses=False))
    assert torch.equal(fused.nan_to_num(7.0), program(x).nan_to_num(7.0))
    report = verify(trained, path, [("forward", [torch.randn(2, 5, 8)])], backend)
    assert report.ok
    assert {r.path for r in report.layers} == {"up", "down", "side"}
    assert all(entry.equal for entry in report.entries)


def test_a_residual_of_another_shape_is_refused(packed):
    *_, backend = packed
    if backend == "reference":
        return
    program = packed[0]
    weight = program.down.weight
    x = torch.randn(2, 12)
    with pytest.raises(ValueError, match="residual"):
        torch.ops.qdsl.linear(x, weight, None, 8, "int8_token", residual=torch.randn(8))
