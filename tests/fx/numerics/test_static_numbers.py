"""Holds static ranges to their definitions: scale, zero, codes, gradients, learned clips."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.fx.numerics import static
from qdsl.ir.format import IntegerGrid, IntegerZero, Levels, StaticFormat, Symmetric

FULL, NARROW = Levels.FULL, Levels.NARROW
FORMATS = {
    "int8": StaticFormat(IntegerGrid(8, True, NARROW)),
    "int8-full": StaticFormat(IntegerGrid(8, True, FULL)),
    "int8-asymmetric": StaticFormat(IntegerGrid(8, True, FULL), IntegerZero()),
    "uint8": StaticFormat(IntegerGrid(8, False, FULL)),
    "uint8-asymmetric": StaticFormat(IntegerGrid(8, False, FULL), IntegerZero()),
    "int3-asymmetric": StaticFormat(IntegerGrid(3, True, FULL), IntegerZero()),
}
NUMBERS = st.floats(-1e4, 1e4, width=32)
f32 = np.float32


def code_range(format):
    return format.grid.qmin, format.grid.qmax


def defined(low, high, format):
    """Scale and zero by CONTRACTS 2 and 3, each step rounded to f32."""
    low, high = f32(min(low, 0)), f32(max(high, 0))
    qmin, qmax = code_range(format)
    if isinstance(format.zero, Symmetric):
        top = max(-low, high) if format.grid.signed else high
        return f32(top / f32(qmax)) or f32(1), f32(0)
    scale = f32(f32(high - low) / f32(qmax - qmin))
    if not scale:
        return f32(1), f32(0)
    return scale, np.clip(np.rint(f32(qmin - f32(low / scale))), qmin, qmax)


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(low=NUMBERS, high=NUMBERS, x=st.lists(NUMBERS, min_size=1, max_size=8))
def test_definition(name, low, high, x):
    format = FORMATS[name]
    low, high = min(low, high), max(low, high)
    scale, zero = static.scale_and_zero(torch.tensor(low), torch.tensor(high), format)
    s, z = defined(low, high, format)
    assert (float(scale), float(zero or 0)) == (float(s), float(z))
    found, _ = static.codes(torch.tensor(x), scale, zero, code_range(format))
    with np.errstate(over="ignore"):
        expected = np.clip(np.rint(np.array(x, f32) / s + z), *code_range(format))
    assert found.tolist() == expected.tolist()
    if isinstance(format.zero, IntegerZero):
        exact, _ = static.codes(torch.zeros(1), scale, zero, code_range(format))
        assert exact.item() == zero.item()  # 0 is a code


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=40, deadline=None)
@given(low=NUMBERS, high=NUMBERS, data=st.data())
def test_what_was_rounded_is_rounded_to_itself(name, low, high, data):
    format = FORMATS[name]
    low, high = torch.tensor(min(low, high)), torch.tensor(max(low, high))
    scale, zero = static.scale_and_zero(low, high, format)
    given_codes = data.draw(st.lists(st.integers(*code_range(format)), min_size=1, max_size=8))
    codes = torch.tensor(given_codes, dtype=torch.float32)
    values = scale * (codes if zero is None else codes - zero)
    again, _ = static.codes(values, scale, zero, code_range(format))
    assert torch.equal(again, codes)


def test_gradient_is_1_inside_the_codes_and_0_where_they_are_clamped():
    x = torch.tensor([-5.0, -0.6, -0.4, 0.0, 7.4, 7.6, 9.0, torch.nan], requires_grad=True)
    y = static.fake_quantize(x, torch.ones(1), None, (0, 7))
    y.backward(torch.full_like(y, 3.0))
    assert y[:-1].tolist() == [0, 0, 0, 0, 7, 7, 7]
    assert x.grad.tolist() == [0, 0, 3, 3, 3, 0, 0, 0]


def test_lsq():
    """ds = Σ g·(q - x/s) inside and g·q outside, times 1/sqrt(n·qmax); 1902.08153, 3."""
    x = torch.tensor([[0.3, -0.7, 9.0, -9.0]], requires_grad=True)
    s = torch.tensor([0.5], requires_grad=True)
    g = torch.tensor([[1.0, 2.0, 3.0, 4.0]])
    static.learned(x, s, (-7, 7)).backward(g)
    slopes = [1 - 0.6, -1 + 1.4, 7, -7]
    expected = sum(a * b for a, b in zip([1, 2, 3, 4], slopes, strict=True)) / (4 * 7) ** 0.5
    assert s.grad.item() == pytest.approx(expected, rel=1e-6)
    assert x.grad.tolist() == [[1, 2, 0, 0]]


def test_pact():
    """With α = s·qmax the gradient of α is that of all values clamped at it; 1805.06085, 3."""
    x = torch.tensor([-1.0, 0.2, 1.5, 5.0, 6.0], requires_grad=True)
    alpha = torch.tensor([1.5], requires_grad=True)
    g = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0])
    static.learned(x, alpha / 15, (0, 15)).backward(g)
    assert alpha.grad.item() == pytest.approx(4 + 5)
    assert x.grad.tolist() == [0, 2, 3, 0, 0]
