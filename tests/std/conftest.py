"""Makes programs of specs that are written in tests, and compares them with modules of torch."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from torch import Tensor

from qdsl.diagnostic.render import full
from qdsl.fx import Program
from qdsl.spec import check_spec

Net = Callable[..., Program]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)


@pytest.fixture
def net(tmp_path: Path) -> Net:
    """`net(text)`: the float program of the first variant (or model) of a spec, for evaluation.

    Its weights are random, those of norms and biases too, so that each of them counts.
    `weights` are set by their paths.
    """

    def build(text: str, weights: Mapping[str, Tensor] | None = None) -> Program:
        path = tmp_path / "test.qspec"
        path.write_text(f"qspec 1\n{dedent(text)}", encoding="utf-8")
        spec = check_spec(path)
        assert not spec.diagnostics, full(spec.diagnostics, color=False)
        program = next(iter(spec.variants.values())).program().eval()
        _shake(program)
        if weights:
            _put(program, weights)
        return program

    return build


def _shake(program: Program) -> None:
    """Moves every number of the program, as training would: norms, biases, statistics."""
    with torch.no_grad():
        for name, tensor in program.state_dict().items():
            noise = torch.rand_like(tensor) - 0.5
            tensor.add_(noise.abs() if name.endswith("running_var") else noise * 0.4)


@pytest.fixture
def put() -> Callable[[Program, Mapping[str, Tensor]], None]:
    """`put(program, {"encoder.blocks[3].norm.weight": tensor})` copies weights by path."""
    return _put


def _put(program: Program, weights: Mapping[str, Tensor]) -> None:
    state = program.state_dict()
    with torch.no_grad():
        for path, tensor in weights.items():
            key = re.sub(r"\[(\d+)\]", r".\1", path)
            assert state[key].shape == tensor.shape, path
            state[key].copy_(tensor)


@pytest.fixture
def taken() -> Callable[[Program, str], dict[str, Tensor]]:
    """`taken(program, "encoder.blocks[3]")`: what stands below a path, by the rest of the key."""

    def below(program: Program, path: str) -> dict[str, Tensor]:
        prefix = re.sub(r"\[(\d+)\]", r".\1", path) + "."
        state = program.state_dict()
        return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}

    return below


@pytest.fixture
def same() -> Callable[[Tensor, Tensor], None]:
    """`same(actual, expected)` within 1e-5."""

    def check(actual: Tensor, expected: Tensor) -> None:
        torch.testing.assert_close(actual, expected, rtol=1e-5, atol=1e-5)

    return check
