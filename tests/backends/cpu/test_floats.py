"""Holds products of float activations, f32 and bf16, to what they are bounded by."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.formats import make_weight_format
from qdsl.fx.canonical import encode
from qdsl.fx.numerics import State, quantize
from qdsl.fx.ops import backend, operation
from qdsl.fx.reference_weight import repack
from qdsl.ir.format import WeightFormat
from qdsl.ir.pattern import Dense
from qdsl_cpu import _native
from tests.fx.conftest import FAMILIES

F32, BF16 = "f32", "bf16"
UNIT, FLUSHED = 2.0**-24, 2.0**-125
MODES = (F32, BF16)
SHAPES = ((1, 1), (3, 5), (17, 33), (64, 96), (70, 97), (130, 128))
Make = Callable[..., Any]


def rows_of(count: int, in_features: int, seed: int = 0) -> Tensor:
    found = np.random.default_rng(seed).standard_normal((count, in_features))
    return torch.from_numpy(found.astype(np.float32))


def met(x: Tensor, mode: str) -> Tensor:
    """x as the product takes it."""
    return x if mode == F32 else x.bfloat16().float()


def assert_within(y: Tensor, x: Tensor, weight: Any, mode: str) -> None:
    """CONTRACTS 7, and what products of bf16 below the normal floats lose."""
    scaled = weight.scales[:, weight.group_of].astype(np.float64) * weight.codes / 2
    shifts = 0 if weight.shifts is None else weight.shifts[:, weight.group_of].astype(np.float64)
    size = torch.from_numpy(np.abs(scaled) + np.abs(shifts))
    values = met(x, mode).double()
    exact = values @ torch.from_numpy(scaled - shifts).T
    unit = (weight.scales.shape[1] + 4) * UNIT
    allowed = unit * (values.abs() @ size.T)
    if mode == BF16:
        allowed = allowed + FLUSHED * size.sum(1)
    assert ((y.double() - exact).abs() <= allowed).all()


def same(a: Tensor, b: Tensor) -> bool:
    """Equal bit for bit, any NaN being like another."""
    both = a.isnan() & b.isnan()
    return torch.equal(a.view(torch.int32)[~both], b.view(torch.int32)[~both])


@pytest.mark.parametrize("mode", MODES)
def test_products_are_within_the_bound(
    format: Any, isa: str, mode: str, make_weight: Make, linear: Make
) -> None:
    for outputs, in_features in SHAPES:
        weight = make_weight(format, outputs, in_features)
        for rows in (1, 2, 3, 4, 5, 13):
            x = rows_of(rows, in_features)
            assert_within(linear(x, weight, mode, isa), x, weight, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("group", [0, 32, 64, 192])
@pytest.mark.parametrize("bits", [1, 3, 4, 8])
def test_long_rows_of_one_sign_are_within_the_bound(
    mode: str, bits: int, group: int, isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    """Sums that only grow lose most; tiles end within groups."""
    kind = {"kind": "binary"} if bits == 1 else {"signed": False}
    weight = make_weight(make_format(bits=bits, group=group, **kind), 64, 4800)
    x = rows_of(7, 4800).abs()
    for rows in (2, 7) if isa != "scalar" else (1,):
        assert_within(linear(x[:rows], weight, mode, isa), x[:rows], weight, mode)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_format_and_shape(
    data: st.DataObject, formats: tuple[Any, ...], make_weight: Make, linear: Make
) -> None:
    outputs, in_features = data.draw(st.tuples(st.integers(0, 140), st.integers(0, 300)))
    rows, seed = data.draw(st.tuples(st.integers(0, 30), st.integers(0, 1000)))
    extreme = data.draw(st.booleans())
    weight = make_weight(data.draw(st.sampled_from(formats)), outputs, in_features, seed, extreme)
    x = rows_of(rows, in_features, seed) * data.draw(st.sampled_from((1e-30, 1.0, 1e30)))
    for mode in MODES:
        for isa in _native.isas():
            assert_within(linear(x, weight, mode, isa), x, weight, mode)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("threads", [1, 3])
def test_a_row_is_the_same_among_any_others(
    mode: str, threads: int, isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    for format in (make_format(group=96), make_format(bits=3, zero="int", group=32)):
        weight = make_weight(format, 200, 480)
        x = rows_of(33, 480)
        each = torch.cat([linear(row, weight, mode, isa) for row in x.split(1)])
        for rows in (2, 3, 4, 5, 6, 7, 12, 33):
            assert same(linear(x[:rows], weight, mode, isa, threads=threads), each[:rows])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("rows", [1, 9])
def test_what_is_not_finite_stays_in_its_row(
    mode: str, rows: int, isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    weight = make_weight(make_format(bits=8), 70, 4000)
    clean = rows_of(rows, 4000)
    for value in (float("nan"), float("inf"), -float("inf")):
        x = clean.clone()
        x[-1, 5] = value
        y = linear(x, weight, mode, isa)
        assert same(y[:-1], linear(clean, weight, mode, isa)[:-1])
        # 0 times an infinity is NaN
        wanted = torch.from_numpy(np.sign(weight.codes[:, 5])).float() * value
        assert same(y[-1], wanted)


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-38, 3.4e38])
def test_bf16_of_extreme_size(
    value: float, isa: str, make_format: Make, make_weight: Make, linear: Make
) -> None:
    weight = make_weight(make_format(group=32), 20, 40, scale=1e-3)
    x = torch.full((2, 40), value)
    x[1] = rows_of(1, 40)[0]
    y = linear(x, weight, BF16, isa)
    assert_within(y[1:], x[1:], weight, BF16)
    if value < 1:
        assert_within(y[:1], x[:1], weight, BF16)
    else:  # it rounds to an infinity
        assert not y[0].isfinite().any()


@pytest.mark.parametrize("rows", [1, 6])
def test_a_product_of_bf16_is_that_of_rounded_rows(
    rows: int, format: Any, isa: str, make_weight: Make, linear: Make
) -> None:
    weight = make_weight(format, 70, 97)
    x = rows_of(rows, 97)
    assert same(linear(x, weight, BF16, isa), linear(met(x, BF16), weight, BF16, isa))


# ---- codebooks ---------------------------------------------------------------------------------

CODEBOOKS = [
    ("nf4", {}),
    ("nf4", {"group": 16, "scale": "f16"}),
    ("kmeans4", {"group": 32, "scale": "bf16"}),
    ("kmeans3", {"per": "tensor"}),
    ("kmeans2", {"group": 8}),
]


@pytest.mark.parametrize("rows", [1, 3, 11])
@pytest.mark.parametrize(("name", "options"), CODEBOOKS, ids=str)
def test_codebooks(
    name: str, options: dict[str, object], rows: int, isa: str, linear: Make
) -> None:
    format = make_weight_format(FAMILIES[name], options, (), Dense())
    assert isinstance(format, WeightFormat)
    torch.manual_seed(0)
    found = quantize(torch.randn(70, 96), format, State())
    canonical = encode(found, None, format)
    exact = repack(canonical)
    weight = SimpleNamespace(packed=backend("cpu").repack(canonical), outputs=70)
    x, bias = torch.randn(rows, 96), torch.randn(70)
    dense = operation("dequantize", "reference")(exact, 70, 96)
    groups = canonical.scales.shape[1]
    for mode in MODES:
        y = linear(x, weight, mode, isa, bias)
        expected = operation("linear", "reference")(x, exact, bias, 70, mode)
        size = met(x, mode).double().abs() @ dense.double().abs().T + bias.abs()
        assert ((y.double() - expected).abs() <= (groups + 4) * UNIT * size).all()


@pytest.mark.parametrize("groups", [2, 8])
def test_convolutions_in_groups_round_to_bf16(groups: int) -> None:
    format = make_weight_format(FAMILIES["int4"], {}, (), Dense())
    assert isinstance(format, WeightFormat)
    torch.manual_seed(0)
    found = quantize(torch.randn(16, 3 * 8 // groups), format, State())
    canonical, x = encode(found, None, format), torch.randn(2, 9, 8)
    geometry = [3], [2], [1, 1], [1], groups
    y, rounded, expected = (
        operation("conv", overload)(x, weight, None, 16, *geometry, word)
        for overload, weight, x, word in (
            ("default", backend("cpu").repack(canonical), x, "bf16"),
            ("default", backend("cpu").repack(canonical), met(x, BF16), "f32"),
            ("reference", repack(canonical), x, "bf16"),
        )
    )
    assert same(y, rounded)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
