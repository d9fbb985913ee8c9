"""Holds dynamic int8 activations to their definition, odd rows included."""

import numpy as np
import pytest
import torch

from qdsl.fx.activations import fake_quantize, quantize, round_values


@pytest.mark.parametrize("activations", ["int8_token", "int8_tensor"])
def test_definition(activations):
    # small integers: many products are near a tie
    x = torch.randint(-9, 10, (300, 4, 16)) * torch.rand(300, 1, 1)
    codes, scale = quantize(x, activations)
    axes = (-1,) if activations == "int8_token" else (1, 2)
    values = x.numpy()
    top = np.abs(values).max(axes, keepdims=True)
    assert (scale.numpy() == top / np.float32(127)).all()
    assert (codes.numpy() == np.rint(values * (np.float32(127) / top))).all()
    assert codes.abs().max() == 127


def test_examples_do_not_touch_each_other():
    x = torch.randn(3, 4, 16)
    codes, _ = quantize(x, "int8_tensor")
    alone, _ = quantize(x[1:2] * 1, "int8_tensor")
    assert torch.equal(codes[1:2], alone)


def test_halves_round_to_even():
    codes, _ = quantize(torch.tensor([[127.0, 0.5, 1.5, -2.5]]), "int8_token")
    assert codes.tolist() == [[127, 0, 2, -2]]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_row_that_is_not_finite_is_nan_alone(value):
    x = torch.randn(2, 4)
    x[0, 1] = value
    result = fake_quantize(x, "int8_token")
    assert result[0].isnan().all()
    assert torch.equal(result[1:], fake_quantize(x[1:], "int8_token"))


@pytest.mark.parametrize("value", [0.0, 1e-40])
def test_rows_too_small_have_codes_0(value):
    codes, scale = quantize(torch.full((1, 4), value), "int8_token")
    assert not codes.any()
    assert scale.isfinite().all()


def test_half_precision_has_the_codes_of_full_precision():
    x = torch.randn(64, 64, generator=torch.Generator().manual_seed(0)).bfloat16()
    codes, scale = quantize(x, "int8_token")
    assert torch.equal(codes, quantize(x.float(), "int8_token")[0])
    assert codes.abs().max() == 127
    assert torch.equal(fake_quantize(x, "int8_token"), (codes * scale).bfloat16())


def test_no_rows():
    assert fake_quantize(torch.empty(0, 4), "int8_token").shape == (0, 4)


def test_gradient_is_1():
    x = torch.randn(2, 4, requires_grad=True)
    given = torch.randn(2, 4)
    fake_quantize(x, "int8_token").backward(given)
    assert torch.equal(x.grad, given)


@pytest.mark.parametrize("activations", ["int8_token", "int8_tensor"])
@pytest.mark.parametrize("shape", [(0, 4), (2, 0), (2, 0, 4), (0,)])
def test_nothing_is_rounded_to_nothing(activations, shape):
    codes, scale = quantize(torch.randn(shape), activations)
    assert codes.shape == shape
    assert scale.eq(0).all()
    assert fake_quantize(torch.randn(shape), activations).shape == shape


@pytest.mark.parametrize("type", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("activations", ["int8_token", "int8_tensor", "int8_static", "bf16"])
def test_values_keep_their_type(activations, type):
    scale = torch.tensor([0.01]) if "static" in activations else None
    for shape in ((), (3,), (2, 3)):
        x = torch.randn(shape).to(type)
        found = round_values(x, activations, scale)
        assert found.dtype is type
        assert found.shape == shape
