"""Holds products of values in static ranges to the reference, in Triton's interpreter."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx import reference
from qdsl.fx.recurrence import packed_gru
from qdsl.ir.format import CodebookGrid, WeightFormat
from qdsl.target import STATIC

pytest.importorskip("triton")
from qdsl_gpu import operations

Make = Callable[..., Any]
N, K = 40, 340


def span(word: str, zero: str) -> tuple[Tensor, Tensor | None]:
    """A scale that some values exceed, and a zero in the middle, at an end, or none."""
    low, high = STATIC[word]
    places = {"low": low, "high": high, "middle": (low + high) // 2}
    scale = torch.tensor([4.0 / (high - low)])
    return scale, torch.tensor([float(places[zero])]) if zero in places else None


@pytest.mark.parametrize(("word", "zero"), [("uint8_static", "high"), ("int4_static", "none")])
def test_every_weight(word: str, zero: str, format: WeightFormat, make_weight: Make) -> None:
    if isinstance(format.grid, CodebookGrid):
        return  # values that are no integers
    weight, x, bias = make_weight(format, N, K), torch.randn(3, K), torch.randn(N)
    given = bias, N, word, *span(word, zero)
    y = operations.linear(x, weight.packed, *given)
    assert torch.equal(y, reference.linear(x, weight.reference, *given))


@pytest.mark.parametrize("word", STATIC)
@pytest.mark.parametrize("zero", ["none", "high"])
def test_every_range(word: str, zero: str, formats: Any, make_weight: Make) -> None:
    weight, x = make_weight(formats["int8-g128"], 10, 140), torch.randn(2, 140) * 3
    x[0, :2] = torch.tensor([torch.inf, -torch.inf])
    given = None, 10, word, *span(word, zero)
    y = operations.linear(x, weight.packed, *given)
    assert torch.equal(y, reference.linear(x, weight.reference, *given))


@pytest.mark.parametrize("name", ["int8", "uint8-zero", "int4-float", "binary"])
def test_ends_of_ranges(name: str, formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats[name], N, K)
    x = torch.where(torch.rand(2, K) < 0.5, -1e30, 1e30)
    for zero in ("low", "high"):
        given = None, N, "uint8_static", *span("uint8_static", zero)
        y = operations.linear(x, weight.packed, *given)
        assert torch.equal(y, reference.linear(x, weight.reference, *given))


@pytest.mark.parametrize("word", ["uint8_static", "int4_static"])
def test_a_nan_stays_in_its_row(word: str, formats: Any, make_weight: Make) -> None:
    weight, x = make_weight(formats["int4-g32"], N, 70), torch.randn(3, 70)
    given = None, N, word, *span(word, "middle")
    clean = operations.linear(x, weight.packed, *given)
    x[1, 69] = torch.nan
    y = operations.linear(x, weight.packed, *given)
    assert torch.equal(y[::2], clean[::2])
    assert y[1].isnan().all()
    assert reference.linear(x, weight.reference, *given)[1].isnan().all()


@pytest.mark.parametrize("groups", [1, 2, 6])
@pytest.mark.parametrize(("word", "zero"), [("uint8_static", "middle"), ("int8_static", "none")])
def test_padding_of_a_convolution_is_the_zero(
    word: str, zero: str, groups: int, formats: Any, make_weight: Make
) -> None:
    weight, x = make_weight(formats["int4"], 12, 6 * 12 // groups), torch.randn(2, 5, 6, 12)
    x[1, 4, 5, 3] = torch.nan
    given = torch.randn(12), 12, [3, 2], [1, 2], [1, 1, 0, 1], [2, 1], groups, word
    y = operations.conv(x, weight.packed, *given, *span(word, zero))
    exact = reference.conv(x, weight.reference, *given, *span(word, zero))
    assert torch.equal(y.nan_to_num(9e9), exact.nan_to_num(9e9))
    assert y.isnan().any()


@pytest.mark.parametrize("projected", [False, True])
@pytest.mark.parametrize("word", ["uint8_static", "int8_static_full"])
def test_states_in_a_range(word: str, projected: bool, formats: Any, make_weight: Make) -> None:
    outputs = 10 if projected else 24
    hh = make_weight(formats["int4"], 96, outputs)
    hr = make_weight(formats["int4"], outputs, 24, seed=1) if projected else None
    given = torch.randn(3, 2, 96), torch.randn(2, outputs), torch.randn(2, 24)
    state = word, *span(word, "middle")
    ours = operations.lstm(*given, hh.packed, hr and hr.packed, *state)
    exact = reference.lstm(*given, hh.reference, hr and hr.reference, *state)
    assert all(map(torch.equal, ours, exact))


@pytest.mark.parametrize("word", ["f32", "int8_token", "uint8_static"])
def test_a_gru_is_steps_of_products(word: str, formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats["int4"], 72, 24)
    given = torch.randn(3, 2, 72), torch.randn(2, 24)
    state = torch.randn(72), word, *(span(word, "middle") if "static" in word else ())
    ours = packed_gru(operations.linear, *given, weight.packed, *state)
    exact = reference.gru(*given, weight.reference, *state)
    for actual, expected in zip(ours, exact, strict=True):
        assert torch.allclose(actual, expected, rtol=0, atol=1e-5 if word == "f32" else 0)


def test_a_range_has_a_scale(formats: Any, make_weight: Make) -> None:
    weight, x = make_weight(formats["int4"], 4, 8).packed, torch.randn(1, 8)
    with pytest.raises(ValueError, match="`int8_static` need a scale"):
        operations.linear(x, weight, None, 4, "int8_static")
