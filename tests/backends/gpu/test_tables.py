"""Holds products of codebooks and few rows to the reference, in Triton's interpreter."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx import reference
from qdsl.ir.format import NORMAL_FLOATS, CodebookGrid, FloatType, PerGroup, WeightFormat

pytest.importorskip("triton")
from qdsl_gpu import operations, products
from qdsl_gpu.tiles import Tiles

Make = Callable[..., Any]
Divided = Callable[[Tiles], AbstractContextManager[object]]
N = 40
FORMATS = {
    "nf4": WeightFormat("w", CodebookGrid(4, NORMAL_FLOATS), PerGroup(64)),
    "nf4-g20": WeightFormat("w", CodebookGrid(4, NORMAL_FLOATS), PerGroup(20), FloatType.F16),
    "nf4-g320": WeightFormat("w", CodebookGrid(4, NORMAL_FLOATS), PerGroup(320)),
    "kmeans4": WeightFormat("w", CodebookGrid(4)),
    "kmeans3": WeightFormat("w", CodebookGrid(3)),
    "kmeans3-g64": WeightFormat("w", CodebookGrid(3), PerGroup(64)),
    "kmeans2": WeightFormat("w", CodebookGrid(2)),
    "kmeans2-g100": WeightFormat("w", CodebookGrid(2), PerGroup(100)),
}


@pytest.fixture(autouse=True)
def _only_this_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "LINEAR_FLOAT", None)


def check(y: Tensor, x: Tensor, weight: Any, *given: Any) -> None:
    """Against the reference in f32, which rounds x as its word says."""
    columns = x.shape[-1]
    exact = reference.linear(x.float(), weight.reference, *given)
    dense = reference.dequantize(weight.reference, N, columns)
    groups = weight.canonical.scales.shape[1]
    slack = (groups + 20 + columns // 32) * 2**-24 * (x.float().abs() @ dense.abs().T)
    slack += exact.abs() * {torch.bfloat16: 2**-8, torch.float16: 2**-11}.get(x.dtype, 2**-22)
    assert y.dtype is x.dtype
    assert ((y.double() - exact).abs() <= slack).all()


@pytest.mark.parametrize("columns", [256, 330])
@pytest.mark.parametrize("name", FORMATS)
def test_every_layout(name: str, columns: int, make_weight: Make) -> None:
    tokens = 4 if columns % 64 else 2
    weight, x = make_weight(FORMATS[name], N, columns), torch.randn(tokens, columns)
    check(operations.linear(x, weight.packed, None, N, "f32"), x, weight, None, N, "f32")


@pytest.mark.parametrize("word", ["f32", "bf16"])
@pytest.mark.parametrize("type", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("tokens", [1, 3])
def test_every_kind_of_rows(tokens: int, type: torch.dtype, word: str, make_weight: Make) -> None:
    weight, x = make_weight(FORMATS["nf4"], N, 90), torch.randn(tokens, 90).to(type)
    check(operations.linear(x, weight.packed, None, N, word), x, weight, None, N, word)


@pytest.mark.parametrize(("name", "rows"), [("nf4", 128), ("nf4-g320", 64)])
def test_parts_add_up(name: str, rows: int, divided: Divided, make_weight: Make) -> None:
    outputs = 2 * rows - 30
    weight = make_weight(FORMATS[name], outputs, 520)
    x, bias, residual = torch.randn(2, 520), torch.randn(outputs), torch.randn(2, outputs)
    given = (bias, outputs, "f32", None, None, True, residual)
    with divided(Tiles(8, rows, 3)):
        y = operations.linear(x, weight.packed, *given)
        assert torch.equal(operations.linear(x, weight.packed, *given), y)
    sizes = x.abs() @ reference.dequantize(weight.reference, outputs, 520).abs().T
    exact = reference.linear(x, weight.reference, *given)
    assert ((y - exact).abs() <= sizes * 5e-6 + exact.abs() * 1e-6).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_stays_in_its_row(value: float, make_weight: Make) -> None:
    weight, x = make_weight(FORMATS["nf4-g20"], N, 70), torch.randn(3, 70)
    clean = operations.linear(x, weight.packed, None, N, "f32")
    x[1, 5] = value
    y = operations.linear(x, weight.packed, None, N, "f32")
    assert torch.equal(y[::2], clean[::2])
    assert not y[1].isfinite().any()


def test_x_lies_in_memory_in_any_way(make_weight: Make) -> None:
    weight = make_weight(FORMATS["nf4"], N, 128)
    base = torch.randn(4, 300)
    for x in (base[:, 3:131], base[:, 5:261:2], torch.randn(128).expand(3, 128)):
        y = operations.linear(x, weight.packed, None, N, "f32")
        assert torch.equal(y, operations.linear(x.contiguous(), weight.packed, None, N, "f32"))
