"""Holds the products of every instruction set to numpy and to the scalar kernel."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl_cpu import _native, operations

F32, TOKEN, TENSOR = "f32", "int8_token", "int8_tensor"
SHAPES = ((1, 1), (3, 5), (16, 32), (17, 33), (70, 97), (130, 128))
Make = Callable[..., Any]


def activations(rows: int, in_features: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(
        np.random.default_rng(seed).standard_normal((rows, in_features)).astype(np.float32)
    )


def assert_same(actual: Tensor, expected: Tensor) -> None:
    """Equal bit for bit, any NaN being like another."""
    both = torch.isnan(actual) & torch.isnan(expected)
    assert torch.equal(actual.view(torch.int32)[~both], expected.view(torch.int32)[~both])


@pytest.mark.parametrize("mode", [TOKEN, TENSOR])
def test_integer_product_is_the_reference(
    format: Any, isa: str, mode: str, make_weight: Make, linear: Make, reference: Make
) -> None:
    for outputs, in_features in SHAPES:
        weight = make_weight(format, outputs, in_features)
        x = activations(5, in_features)
        bias = torch.randn(outputs)
        expected = torch.from_numpy(
            reference(x.numpy(), weight, bias.numpy(), tensor=mode == TENSOR)
        )
        assert_same(linear(x, weight, mode, isa, bias), expected)


def test_float_product_is_within_the_bound(
    format: Any, isa: str, make_weight: Make, linear: Make
) -> None:
    for outputs, in_features in SHAPES:
        weight = make_weight(format, outputs, in_features)
        x = activations(5, in_features)
        y = linear(x, weight, F32, isa).double().numpy()
        exact, size = float_product(x, weight)
        assert (np.abs(y - exact) <= bound(weight) * size).all()


def float_product(x: Tensor, weight: Any) -> tuple[Any, Any]:
    """The exact product, and the sum of the magnitudes of what is added."""
    values = x.double().numpy()
    scaled = weight.scales[:, weight.group_of].astype(np.float64) * weight.codes / 2
    shifts = 0 if weight.shifts is None else weight.shifts[:, weight.group_of].astype(np.float64)
    return (
        values @ (scaled - shifts).T,
        np.abs(values) @ (np.abs(scaled) + np.abs(shifts)).T,
    )


def bound(weight: Any) -> float:
    return float((weight.scales.shape[1] + 4) * 2**-24)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("group", [0, 32])
def test_float_product_of_one_sign_is_within_the_bound(
    bits: int, group: int, isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    # sums that only grow lose most
    weight = make_weight(make_format(bits=bits, signed=False, group=group), 64, 4096)
    x = activations(2, 4096).abs()
    y = linear(x, weight, F32, isa).double().numpy()
    exact, size = float_product(x, weight)
    assert (np.abs(y - exact) <= bound(weight) * size).all()


def test_every_number_of_rows_gives_the_same_rows(
    isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    for format in (make_format(group=32), make_format(kind="binary", bits=1), make_format(bits=8)):
        weight = make_weight(format, 70, 97)
        x = activations(33, 97)
        for mode in (F32, TOKEN):
            each = torch.cat([linear(row, weight, mode, isa) for row in x.split(1)])
            for rows in range(34):
                assert_same(linear(x[:rows], weight, mode, isa), each[:rows])


@pytest.mark.parametrize("mode", [F32, TOKEN, TENSOR])
@pytest.mark.parametrize("rows", [1, 5, 31, 32, 40, 300])
def test_threads_change_nothing(
    isa: str, mode: str, rows: int, make_format: Make, make_weight: Make, linear: Make
) -> None:
    weight = make_weight(make_format(group=32), 150, 65)
    x = activations(rows, 65)
    bias = torch.randn(150)
    one = linear(x, weight, mode, isa, bias, threads=1)
    for threads in (0, 2, 3):
        assert_same(linear(x, weight, mode, isa, bias, threads=threads), one)


def test_more_threads_than_rows(make_format: Make, make_weight: Make, linear: Make) -> None:
    weight = make_weight(make_format(group=32), 8, 32)
    x = activations(264, 32)
    assert_same(linear(x, weight, TOKEN, "scalar", threads=300), linear(x, weight, TOKEN, "scalar"))


@pytest.mark.parametrize("sign", [-1.0, 1.0, 0.0])
def test_extremes_do_not_saturate(
    format: Any, isa: str, sign: float, make_weight: Make, linear: Make, reference: Make
) -> None:
    weight = make_weight(format, 33, 130, extreme=True)
    signs = torch.where(activations(3, 130) < 0, -1.0, 1.0)
    x = 3.0 * (signs if sign == 0 else torch.full_like(signs, sign))
    expected = torch.from_numpy(reference(x.numpy(), weight, None, tensor=False))
    assert_same(linear(x, weight, TOKEN, isa), expected)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("group", [32, 64, 0])
@pytest.mark.parametrize("scale", [1e-6, 500_000.0])
def test_one_row_of_extremes_with_halves_as_scales(
    isa: str,
    bits: int,
    group: int,
    scale: float,
    make_format: Make,
    make_weight: Make,
    linear: Make,
) -> None:
    kind = "binary" if bits == 1 else "integer"
    weight = make_weight(
        make_format(kind=kind, bits=bits, group=group), 600, 352, 0, True, scale, torch.float16
    )
    x = 3.0 * torch.where(activations(1, 352) < 0, -1.0, 1.0)
    assert_same(linear(x, weight, TOKEN, isa), linear(x, weight, TOKEN, "scalar"))


def test_sums_beyond_32_bits_are_exact(
    isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    weight = make_weight(make_format(bits=8, signed=False), 2, 160_000, extreme=True)
    x = torch.ones(1, 160_000)
    sums = 127 * torch.from_numpy(weight.codes).sum(dim=1) // 2
    assert sums.min() > 2**31
    expected = sums.float() * torch.from_numpy(weight.scales[:, 0]) * torch.tensor(1 / 127)
    assert_same(linear(x, weight, TOKEN, isa)[0], expected)


def test_what_is_not_finite_makes_all_of_a_tensor_so(
    isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    x = activations(9, 70)
    x[4, 5] = float("inf")
    assert linear(x, make_weight(make_format(), 40, 70), TENSOR, isa).isnan().all()


@pytest.mark.parametrize("mode", [F32, TOKEN])
def test_what_is_not_finite_stays_in_its_row(
    isa: str, mode: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    weight = make_weight(make_format(group=32), 40, 70)
    bias = torch.randn(40)
    clean = activations(9, 70)
    dirty = clean.clone()
    dirty[1, 3], dirty[4, 69], dirty[7, 0] = float("nan"), float("inf"), -float("inf")
    y, expected = (linear(x, weight, mode, isa, bias) for x in (dirty, clean))
    touched = torch.zeros(9, dtype=torch.bool)
    touched[[1, 4, 7]] = True
    assert_same(y[~touched], expected[~touched])
    assert not y[touched].isfinite().any()
    if mode == TOKEN:
        assert y[touched].isnan().all()


def test_an_infinity_of_float_activations_stays_one(
    isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    weight = make_weight(make_format(bits=8), 20, 4000)
    x = activations(1, 4000)
    x[0, 5] = float("inf")
    wanted = torch.from_numpy(np.sign(weight.codes[:, 5])) * float("inf")
    assert_same(linear(x, weight, F32, isa)[0], wanted.float())


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-45, 1e-38, 3e38])
def test_rows_of_extreme_size(
    isa: str, value: float, make_format: Make, make_weight: Make, linear: Make, reference: Make
) -> None:
    weight = make_weight(make_format(group=32), 20, 40)
    x = torch.full((2, 40), value)
    x[1] = activations(1, 40)[0]
    expected = torch.from_numpy(reference(x.numpy(), weight, None, tensor=False))
    assert_same(linear(x, weight, TOKEN, isa), expected)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_instruction_sets_agree_on_any_shape(
    data: st.DataObject, formats: tuple[Any, ...], make_weight: Make, linear: Make
) -> None:
    outputs, in_features = data.draw(st.tuples(st.integers(0, 70), st.integers(0, 150)))
    rows, seed = data.draw(st.tuples(st.integers(0, 14), st.integers(0, 1000)))
    weight = make_weight(data.draw(st.sampled_from(formats)), outputs, in_features, seed)
    x = activations(rows, in_features, seed)
    scalar = linear(x, weight, TOKEN, "scalar")
    for isa in _native.isas():
        assert_same(linear(x, weight, TOKEN, isa), scalar)


def test_operation_takes_any_leading_shape_and_stride(make_format: Make, make_weight: Make) -> None:
    weight = make_weight(make_format(), 12, 10)
    x = activations(6, 20)[:, ::2].reshape(2, 3, 10).transpose(0, 1)
    y = operations.linear(x, weight.packed, None, 12, "f32")
    assert y.shape == (3, 2, 12)
    flat = operations.linear(x.reshape(6, 10).clone(), weight.packed, None, 12, "f32")
    assert torch.equal(y.reshape(6, 12), flat)
    expanded = x[0, 0].expand(4, 10)
    rows = operations.linear(expanded, weight.packed, None, 12, "int8_token")
    assert torch.equal(rows[0], rows[3])


def test_a_scale_per_tensor_is_one_per_example(make_format: Make, make_weight: Make) -> None:
    packed = make_weight(make_format(), 12, 10).packed
    x = activations(24, 10).reshape(4, 2, 3, 10)
    y = operations.linear(x, packed, None, 12, "int8_tensor")
    for example, expected in zip(x, y, strict=True):
        alone = operations.linear(example[None], packed, None, 12, "int8_tensor")
        assert torch.equal(alone[0], expected)
    one_row = operations.linear(x[0, 0, 0], packed, None, 12, "int8_tensor")
    assert torch.equal(one_row, operations.linear(x[0, 0, 0], packed, None, 12, "int8_token"))


@pytest.mark.parametrize("shape", [(0, 5, 7), (3, 0, 7), (3, 5, 0), (0, 0, 0)])
@pytest.mark.parametrize("mode", ["f32", "int8_token", "int8_tensor"])
def test_empty_products(
    shape: tuple[int, int, int], mode: str, make_format: Make, make_weight: Make
) -> None:
    rows, outputs, in_features = shape
    weight = make_weight(make_format(), outputs, in_features)
    bias = torch.randn(outputs)
    x = torch.ones(rows, in_features)
    y = operations.linear(x, weight.packed, bias, outputs, mode)
    assert torch.equal(y, bias.expand(rows, outputs))


def test_what_does_not_fit_is_refused(make_format: Make, make_weight: Make) -> None:
    packed = make_weight(make_format(), 12, 10).packed
    x = torch.ones(2, 10)
    cases: tuple[tuple[Tensor, Tensor, Tensor | None, int, str, str], ...] = (
        (x.double(), packed, None, 12, "f32", "float32"),
        (x[:, :9], packed, None, 12, "f32", "last dimension"),
        (x, packed, None, 13, "f32", "number of outputs"),
        (x, packed, torch.ones(11), 12, "f32", "bias"),
        (x, packed, torch.ones(12).double(), 12, "f32", "float32"),
        (x, packed.float(), None, 12, "f32", "uint8"),
        (x, packed[:-1], None, 12, "f32", "truncated"),
        (x, packed[:20], None, 12, "f32", "header"),
        (x, packed[64:], None, 12, "f32", "not a packed weight"),
    )
    for x_, weight, bias, outputs, mode, message in cases:
        with pytest.raises(ValueError, match=message):
            operations.linear(x_, weight, bias, outputs, mode)
    with pytest.raises(KeyError):
        operations.linear(x, packed, None, 12, "int4")
