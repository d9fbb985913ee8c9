"""Holds recurrences and convolutions to the reference, in Triton's interpreter."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qdsl.fx import reference
from qdsl.ir.format import CodebookGrid

pytest.importorskip("triton")
from qdsl_gpu import operations

Make = Callable[..., Any]
GROUPED = ("int8", "int4-g20", "int3-zero", "uint2-float", "int4-half", "binary", "nf4")


@pytest.mark.parametrize("name", ["int4", "int8-g128", "ternary"])
@pytest.mark.parametrize("projected", [False, True])
def test_lstm_with_rounded_states_is_the_reference(
    name: str, projected: bool, formats: Any, make_weight: Make
) -> None:
    hidden, outputs = 24, 10 if projected else 24
    hh = make_weight(formats[name], 4 * hidden, outputs)
    hr = make_weight(formats[name], outputs, hidden, seed=1) if projected else None
    given = torch.randn(3, 2, 4 * hidden), torch.randn(2, outputs), torch.randn(2, hidden)
    ours = operations.lstm(*given, hh.packed, hr and hr.packed, "int8_token")
    exact = reference.lstm(*given, hh.reference, hr and hr.reference, "int8_token")
    for actual, expected in zip(ours, exact, strict=True):
        assert torch.equal(actual, expected)
    close = operations.lstm(*given, hh.packed, hr and hr.packed, "f32")
    exact = reference.lstm(*given, hh.reference, hr and hr.reference, "f32")
    for actual, expected in zip(close, exact, strict=True):
        assert torch.allclose(actual, expected, atol=1e-6)


def test_a_cell_takes_any_number(formats: Any, make_weight: Make) -> None:
    hh = make_weight(formats["int4"], 16, 4)
    values = torch.tensor([0.0, -0.0, 1e-38, -1e-38, 88.0, -200.0, float("inf"), float("nan")])
    gates = torch.stack([values.roll(i) for i in range(8)]).repeat(1, 2).view(1, 8, 16)
    state = torch.zeros(8, 4)
    ours = operations.lstm(gates, state, state, hh.packed, None, "int8_token")
    exact = reference.lstm(gates, state, state, hh.reference, None, "int8_token")
    for actual, expected in zip(ours, exact, strict=True):
        assert torch.equal(actual.isnan(), expected.isnan())
        assert torch.equal(
            actual.nan_to_num(9).view(torch.int32), expected.nan_to_num(9).view(torch.int32)
        )


def test_no_step_leaves_the_states(formats: Any, make_weight: Make) -> None:
    hh = make_weight(formats["int4"], 16, 4).packed
    h, c = torch.randn(2, 4), torch.randn(2, 4)
    y, *last = operations.lstm(torch.randn(0, 2, 16), h, c, hh, None, "f32")
    assert y.shape == (0, 2, 4)
    assert torch.equal(last[0], h)
    assert torch.equal(last[1], c)


@pytest.mark.parametrize("name", GROUPED)
@pytest.mark.parametrize("word", ["f32", "bf16", "int8_token", "int8_tensor"])
def test_depthwise_convolution_is_the_reference(
    name: str, word: str, formats: Any, make_weight: Make
) -> None:
    if isinstance(formats[name].grid, CodebookGrid) and word.startswith("int8"):
        return
    weight, x = make_weight(formats[name], 70, 5), torch.randn(2, 9, 70)
    given = torch.randn(70), 70, [5], [2], [3, 1], [1], 70, word
    y = operations.conv(x, weight.packed, *given)
    exact = reference.conv(x, weight.reference, *given)
    if word.startswith("int8"):
        assert torch.equal(y, exact)
    else:
        assert torch.allclose(y, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("word", ["f32", "int8_token"])
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_images_in_groups(word: str, groups: int, formats: Any, make_weight: Make) -> None:
    weight, x = make_weight(formats["int4"], 12, 6 * 12 // groups), torch.randn(2, 5, 6, 12)
    given = None, 12, [3, 2], [1, 2], [1, 1, 0, 1], [2, 1], groups, word
    y = operations.conv(x, weight.packed, *given)
    exact = reference.conv(x, weight.reference, *given)
    if word == "f32":
        assert torch.allclose(y, exact, rtol=1e-5, atol=1e-5)
    else:
        assert torch.equal(y, exact)


def test_a_row_that_is_not_finite_stays_alone(formats: Any, make_weight: Make) -> None:
    weight, x = make_weight(formats["int8"], 4, 3), torch.randn(1, 8, 4)
    x[0, 6, 1] = torch.inf
    given = None, 4, [3], [1], [1, 1], [1], 4, "int8_token"
    y = operations.conv(x, weight.packed, *given)
    assert y[0].isnan().all(1).tolist() == [False] * 5 + [True] * 3
    assert torch.equal(y[0, :5], reference.conv(x, weight.reference, *given)[0, :5])
