"""Records values by path, and holds them to what the layers compute."""

from pathlib import Path

import pytest
import torch

from qdsl.fx.intermediate import Intermediate, has_value
from qdsl.fx.program import Program
from qdsl.spec import load_spec

SPEC = """qspec 1

block Half(d: int) {
    map = Linear(d -> d)

    forward(x: f32[B, d]) -> f32[B, d] {
        y = map(x) |> relu
        return y * 2
    }
}

model Net(d: int = 4) {
    halves = repeat 2 { Half(d) }

    entry run(x: f32[B, d]) { return halves(x) }
    entry pair(x: f32[B, d]) { return halves(x), halves(x + 1) }
}

variant small { model = Net() }
"""

NORMED = """qspec 1

block Inner(d: int) {
    map = Linear(d -> d)

    forward(x: f32[B, d]) -> f32[B, d] { return map(x) }
}

model Net(d: int = 4) {
    inner = Inner(d)
    norm = BatchNorm(d)
    plain = Linear(d -> d)

    forward(x: f32[B, d]) -> f32[B, d] { return inner(x) |> norm |> plain }
}

variant small { model = Net() }
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "net.qspec").write_text(SPEC)
    return load_spec(tmp_path / "net.qspec").variants["small"].program()


def test_values_by_path(program: Program) -> None:
    x = torch.randn(3, 4)
    weight, bias = (program.get_parameter(f"halves.0.map.{n}") for n in ("weight", "bias"))
    mapped = x @ weight.T + bias
    paths = ("halves[0].map", "halves[0].forward.y", "halves[0]", "nowhere")
    with Intermediate(program, paths).recorded() as values:
        result = program.run(x)
    torch.testing.assert_close(result, program.run(x))
    torch.testing.assert_close(values["halves[0].map"], [mapped])
    torch.testing.assert_close(values["halves[0].forward.y"], [mapped.relu()])
    torch.testing.assert_close(values["halves[0]"], [mapped.relu() * 2])
    assert "nowhere" not in values
    values["halves[0]"][0].sum().backward()
    assert weight.grad is not None


def test_calls_are_recorded_in_order_and_only_inside(program: Program) -> None:
    recording = Intermediate(program, ("halves[1]",))
    x = torch.randn(2, 4)
    with recording.recorded() as values:
        first, (second, _) = program.run(x), program.pair(x * 3)
    program.run(x)
    assert len(values["halves[1]"]) == 2
    torch.testing.assert_close(values["halves[1]"][0], first)
    # of two calls in one entry, the last
    assert not torch.equal(values["halves[1]"][1], second)


def test_paths_that_have_a_value(program: Program) -> None:
    assert has_value(program.ir, "halves[1].map")
    assert not has_value(program.ir, "halves[2]")
    assert not has_value(program.ir, "halve")


def test_a_layer_with_a_folded_norm_has_the_value_of_the_norm(tmp_path: Path) -> None:
    """In float as in QAT; and so has a block that ends with the layer."""
    (tmp_path / "normed.qspec").write_text(NORMED)
    program = load_spec(tmp_path / "normed.qspec").variants["small"].program().eval()
    for name in ("running_mean", "running_var", "weight", "bias"):
        getattr(program.norm, name).data.uniform_(0.5, 2.0)
    paths = ("inner.map", "inner", "norm", "plain")
    x, found = torch.randn(3, 4), []
    for each in (program, program.to_qat()):
        with Intermediate(each, paths).recorded() as values:
            each(x)
        found.append(values)
    first, second = found
    for path in paths:
        torch.testing.assert_close(first[path], second[path], rtol=1e-4, atol=1e-5)
    assert torch.equal(first["inner.map"][0], first["norm"][0])
    assert not torch.equal(first["plain"][0], first["norm"][0])
