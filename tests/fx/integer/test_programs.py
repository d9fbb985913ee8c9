"""Programs of integer arithmetic: as trained and as packed, equal to the last bit."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl import load
from qdsl.fx import Program, verify

Train = Callable[[str], Any]


def _results(program: Program, inputs: Mapping[str, tuple[Tensor, ...]]) -> list[Tensor]:
    found = [program.entry(name)(*given) for name, given in inputs.items()]
    return [t for r in found for t in (r if isinstance(r, tuple) else (r,))]


def test_packed_equals_trained(variant: str, trained: Train, tmp_path: Path) -> None:
    _, quantized, inputs, size = trained(variant)
    assert quantized.pack(tmp_path / "packed") == size
    with torch.no_grad():
        expected = _results(quantized.eval(), inputs)
    for backend in ("reference", "cpu"):
        packed = load(tmp_path / "packed", backend)
        with torch.no_grad():
            pairs = zip(expected, _results(packed, inputs), strict=True)
        for number, (wanted, found) in enumerate(pairs):
            assert torch.equal(wanted, found), f"{backend}: result {number}"


@pytest.mark.parametrize("backend", ["reference", "cpu"])
def test_verify_compares_every_operation(backend: str, trained: Train, tmp_path: Path) -> None:
    _, quantized, inputs, _ = trained("attention")
    quantized.eval().pack(tmp_path / "packed")
    report = verify(quantized, tmp_path / "packed", inputs.items(), backend)
    assert report.ok, str(report)
    assert len(report.layers) > 20
    assert {r.bound for r in report.layers} == {0}


def test_integers_stay_near_floats(variant: str, trained: Train) -> None:
    if variant == "products_low":
        pytest.skip("its weights have few bits")
    program, quantized, inputs, _ = trained(variant)
    quantized.eval()
    with torch.no_grad():
        pairs = zip(_results(program, inputs), _results(quantized, inputs), strict=True)
    for number, (expected, found) in enumerate(pairs):
        largest = expected.abs().max()
        assert float((found - expected).abs().max() / largest) < 0.04, f"result {number}"


@pytest.mark.parametrize("model", ["elementwise", "shaping", "products", "attention"])
def test_gradients_reach_every_weight(model: str, trained: Train) -> None:
    _, quantized, inputs, _ = trained(model)
    loss = sum((r.square().mean() for r in _results(quantized, inputs)), torch.zeros(()))
    loss.backward()  # type: ignore[no-untyped-call]
    for key, weight in quantized.named_parameters():
        assert weight.grad is not None, key
        assert bool(weight.grad.isfinite().all()), key
        assert bool(weight.grad.any()), key


def test_values_that_saturate_have_no_gradient(trained: Train) -> None:
    _, quantized, inputs, _ = trained("shaping")
    for _, _, observer in quantized.ranges():
        observer.freeze()
        if observer.range.path == "first":
            assert observer.scale is not None
            observer.scale.mul_(1e-3)
    (x,) = inputs["reduce"]
    quantized.reduce(x)[3].sum().backward()
    gradient = quantized.get_parameter("first.weight").grad
    assert gradient is not None
    assert not gradient.any()
