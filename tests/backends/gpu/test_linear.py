"""Holds products, tables and dequantizing to the reference, in Triton's interpreter."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx import reference
from qdsl.ir.format import CodebookGrid, FloatZero, WeightFormat

pytest.importorskip("triton")
from qdsl_gpu import operations, rows

Make = Callable[..., Any]
N, K = 40, 340


def rounded(y: Tensor, like: torch.dtype) -> float:
    """What rounding results to their type may add, of the largest."""
    return float(y.abs().max()) * {torch.bfloat16: 2**-8, torch.float16: 2**-11}.get(like, 0.0)


def limit(x: Tensor, weight: Any) -> Tensor:
    """(G + 4) · 2^-24 · Σ |x · w|, and 2^-24 of each sum of 32: they are added one by one."""
    sizes = x.double().abs() @ reference.dequantize(weight.reference, N, K).double().abs().T
    groups = weight.canonical.scales.shape[1]
    return (groups + 4 + K // 32) * 2**-24 * sizes


def check(weight: Any, tokens: int, type: torch.dtype, word: str) -> None:
    x = torch.randn(tokens, K).to(type)
    y = operations.linear(x, weight.packed, None, N, word)
    exact = reference.linear(x.float(), weight.reference, None, N, word)
    size = x.float().bfloat16() if word == "bf16" else x
    # float zeros are subtracted from sums: both count
    slack = limit(size, weight) * (40 if isinstance(weight.format.zero, FloatZero) else 1)
    assert y.dtype is type
    assert ((y.double() - exact).abs() <= slack + rounded(exact, type)).all()


@pytest.mark.parametrize(("tokens", "type"), [(1, torch.float32), (2, torch.bfloat16)])
def test_float_product_is_within_the_bound(
    tokens: int, type: torch.dtype, format: WeightFormat, make_weight: Make
) -> None:
    check(make_weight(format, N, K), tokens, type, "f32")


@pytest.mark.parametrize("name", ["int3-g32", "int4-zero", "int8", "uint8-zero", "binary", "nf4"])
@pytest.mark.parametrize(
    ("tokens", "type", "word"),
    [
        (4, torch.float32, "bf16"),
        (6, torch.float32, "f32"),
        (2, torch.float16, "f32"),
        (17, torch.bfloat16, "bf16"),
    ],
)
def test_every_kind_of_rows(
    tokens: int, type: torch.dtype, word: str, name: str, formats: Any, make_weight: Make
) -> None:
    check(make_weight(formats[name], N, K), tokens, type, word)


def test_integer_product_is_the_reference(format: WeightFormat, make_weight: Make) -> None:
    if isinstance(format.grid, CodebookGrid):
        return  # values that are no integers
    weight = make_weight(format, N, K)
    x, bias = torch.randn(3, K), torch.randn(N)
    y = operations.linear(x, weight.packed, bias, N, "int8_token")
    assert torch.equal(y, reference.linear(x, weight.reference, bias, N, "int8_token"))


@pytest.mark.parametrize("shape", [(3, 130), (2, 3, 130), (1, 3, 130), (130,)])
def test_one_scale_for_each_example(
    shape: tuple[int, ...], formats: Any, make_weight: Make
) -> None:
    weight = make_weight(formats["int4-g128"], N, 130)
    x = torch.randn(shape)
    y = operations.linear(x, weight.packed, None, N, "int8_tensor")
    assert torch.equal(y, reference.linear(x, weight.reference, None, N, "int8_tensor"))


def test_dequantized_is_the_reference(format: WeightFormat, make_weight: Make) -> None:
    weight = make_weight(format, 9, K)
    dense = reference.dequantize(weight.reference, 9, K)
    assert torch.equal(operations.dequantize(weight.packed, 9, K), dense)
    ids = torch.tensor([[8, 0], [3, 8]])
    assert torch.equal(operations.embedding(ids, weight.packed, K), dense[ids])


def test_an_id_that_is_no_row_is_nan(formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats["int4"], 9, K)
    rows = operations.embedding(torch.tensor([9, 8, -1]), weight.packed, K)
    assert rows.isnan().all(1).tolist() == [True, False, True]


@pytest.mark.parametrize(("word", "in_features"), [("f32", 1100), ("int8_token", 150)])
@pytest.mark.parametrize("outputs", [40, 200])
def test_what_follows_is_fused(
    word: str, in_features: int, outputs: int, formats: Any, make_weight: Make
) -> None:
    weight = make_weight(formats["int4-g128"], outputs, in_features)
    x, bias = torch.randn(2, 3, in_features), torch.randn(outputs)
    residual = torch.randn(2, 3, outputs)
    plain = operations.linear(x, weight.packed, None, outputs, word)
    fused = operations.linear(x, weight.packed, bias, outputs, word, None, None, True, residual)
    assert torch.equal(fused, torch.relu(plain + bias) + residual)
    assert torch.equal(operations.linear(x, weight.packed, bias, outputs, word), plain + bias)


@pytest.mark.parametrize("word", ["int8_token", "int8_tensor"])
def test_more_rows_than_a_launch_takes(
    word: str, formats: Any, make_weight: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight, x = make_weight(formats["int4-g128"], N, K), torch.randn(5, 1, K)
    given = (torch.randn(N), N, word, None, None, True, torch.randn(5, 1, N))
    whole = operations.linear(x, weight.packed, *given)
    monkeypatch.setattr(operations, "_ROWS", 2)
    assert torch.equal(operations.linear(x, weight.packed, *given), whole)


@pytest.mark.parametrize("few", [0, 16])
@pytest.mark.parametrize("name", ["int3-g32", "int4-g128"])
def test_groups_are_rounded_by_any_number_of_programs(
    few: int, name: str, formats: Any, make_weight: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    weight, x = make_weight(formats[name], 8, K), torch.randn(2, K)
    monkeypatch.setattr(rows, "_CODES", 64)
    monkeypatch.setattr(rows, "_FEW", few)
    y = operations.linear(x, weight.packed, None, 8, "int8_token")
    assert torch.equal(y, reference.linear(x, weight.reference, None, 8, "int8_token"))


@pytest.mark.parametrize("tokens", [1, 4, 5, 17, 33])
def test_integer_rows_are_the_same_for_every_number_of_rows(
    tokens: int, formats: Any, make_weight: Make
) -> None:
    weight = make_weight(formats["int8-g128"], 10, 130)
    x = torch.randn(33, 130)
    every = reference.linear(x, weight.reference, None, 10, "int8_token")
    y = operations.linear(x[:tokens], weight.packed, None, 10, "int8_token")
    assert torch.equal(y, every[:tokens])


@pytest.mark.parametrize("name", ["int8", "uint8-zero", "int4", "binary"])
def test_extremes_do_not_saturate(name: str, formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats[name], N, K)
    x = torch.where(torch.rand(2, K) < 0.5, -1e30, 1e30)
    y = operations.linear(x, weight.packed, None, N, "int8_token")
    assert torch.equal(y, reference.linear(x, weight.reference, None, N, "int8_token"))


@pytest.mark.parametrize("word", ["f32", "bf16", "int8_token"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite_stays_in_its_row(
    word: str, value: float, formats: Any, make_weight: Make
) -> None:
    weight = make_weight(formats["int4-half"], 8, 70)
    x = torch.randn(3, 70)
    clean = operations.linear(x, weight.packed, None, 8, word)
    x[1, 5] = value
    y = operations.linear(x, weight.packed, None, 8, word)
    assert torch.equal(y[::2], clean[::2])
    assert not y[1].isfinite().any()
    if word == "int8_token" or value != value:
        assert y[1].isnan().all()


def test_a_small_or_large_row_loses_nothing(formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats["int4"], 8, 70)
    x = torch.randn(3, 70) * torch.tensor([[1e-30], [1e30], [0.0]])
    for word in ("f32", "int8_token"):
        y = operations.linear(x, weight.packed, None, 8, word)
        exact = reference.linear(x, weight.reference, None, 8, word)
        assert torch.allclose(y, exact, rtol=1e-4)


@pytest.mark.parametrize("shape", [(0, 70), (2, 0, 70), (70,), (2, 1, 70)])
def test_any_shape(shape: tuple[int, ...], formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats["int4"], 8, 70)
    x = torch.randn(shape)
    for word in ("f32", "int8_token", "int8_tensor"):
        y = operations.linear(x, weight.packed, None, 8, word)
        assert y.shape == (*shape[:-1], 8)
        exact = reference.linear(x, weight.reference, None, 8, word)
        assert torch.allclose(y, exact, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("word", ["f32", "int8_token"])
def test_x_lies_in_memory_in_any_way(word: str, formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats["int4"], 8, 128)
    base = torch.randn(4, 3, 300)
    views = (base[:, 0, :128], base[..., 5:261:2], torch.randn(128, 3).t(), base[:1, 0, :128])
    for x in (*views, base[:, 0, :128].bfloat16(), torch.randn(128).expand(2, 128)):
        y = operations.linear(x, weight.packed, None, 8, word)
        assert torch.equal(y, operations.linear(x.contiguous(), weight.packed, None, 8, word))


@pytest.mark.parametrize("word", ["f32", "int8_token", "int8_tensor", "uint8_static"])
@pytest.mark.parametrize("type", [torch.bfloat16, torch.float16])
def test_results_have_the_type_of_what_is_given(
    word: str, type: torch.dtype, formats: Any, make_weight: Make
) -> None:
    weight, x, bias = (
        make_weight(formats["int4-g32"], 8, 70),
        torch.randn(2, 70).to(type),
        torch.randn(8),
    )
    residual = torch.randn(2, 8).to(type)
    range = (torch.tensor([0.03]), torch.tensor([99.0])) if "static" in word else (None, None)
    given = bias, 8, word, *range, True, residual
    y = operations.linear(x, weight.packed, *given)
    exact = reference.linear(x, weight.reference, *given)
    assert y.dtype is exact.dtype is type
    assert torch.allclose(y, exact, rtol=0 if "int8" in word else 2**-7, atol=0)
    shaped = make_weight(formats["int4"], 6, 5)
    given = None, 6, [5], [1], [2, 2], [1], 6, word, *range
    x = torch.randn(1, 9, 6).to(type)
    y = operations.conv(x, shaped.packed, *given)
    exact = reference.conv(x, shaped.reference, *given)
    assert y.dtype is exact.dtype is type
    assert torch.allclose(y, exact, rtol=0 if "int8" in word else 2**-7, atol=1e-6)


def test_other_words_are_refused(formats: Any, make_weight: Make) -> None:
    with pytest.raises(ValueError, match="activations `f8`"):
        operations.linear(
            torch.randn(1, 8), make_weight(formats["int4"], 4, 8).packed, None, 4, "f8"
        )
