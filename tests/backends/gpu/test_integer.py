"""Integer arithmetic on GPUs against the reference, in Triton's interpreter, to the bit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.canonical import encode
from qdsl.fx.integer.registered import integers
from qdsl.fx.integer.rounding import multiplier
from qdsl.fx.numerics import Quantized
from qdsl.fx.ops import operation
from qdsl.fx.reference import BACKEND as REFERENCE
from qdsl.ir.format import IntegerGrid, IntegerZero, PerChannel, PerGroup, WeightFormat
from qdsl.ir.pattern import NM
from qdsl_gpu import BACKEND

pytest.importorskip("triton")
from qdsl_gpu.integer.operations import INTEGERS
from qdsl_gpu.weights import read

Draw = Any  # of conftest.py
Values = Callable[[str, Draw], tuple[Any, ...]]
Products = Callable[[str, Draw], list[tuple[Any, ...]]]
few = settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
shapes = st.lists(st.integers(0, 5) | st.integers(1, 40), min_size=1, max_size=4)
VALUES = """quantize dequantize requantize table sigmoid tanh silu gelu from_integers add multiply
    divide glu glu_polynomial softmax softmax_polynomial layer_norm scale_and_shift sum mean
    pool_mean""".split()


def exact(name: str, *arguments: Any) -> Any:
    return operation(f"integer_{name}", "reference")(*arguments)


def ours(name: str, *arguments: Any) -> Any:
    return INTEGERS[f"integer_{name}"](*arguments)


def assert_equal(found: Any, expected: Any) -> None:
    pairs = [(found, expected)] if isinstance(found, Tensor) else zip(found, expected, strict=True)
    for actual, wanted in pairs:
        assert actual.is_contiguous()
        assert actual.dtype is wanted.dtype
        assert torch.equal(actual, wanted)


def test_every_operation_has_kernels() -> None:
    assert {*INTEGERS} == {*integers()}


@pytest.mark.parametrize("name", VALUES)
@few
@given(seed=st.integers(0, 2**31), shape=shapes)
def test_operations_on_values_are_the_reference(
    name: str, seed: int, shape: list[int], draw: Draw, values: Values
) -> None:
    arguments = values(name, draw(seed, list(shape)))
    assert_equal(ours(name, *arguments), exact(name, *arguments))


@pytest.mark.parametrize("name", ["linear", "conv", "embedding", "lstm", "gru", "einsum"])
@few
@given(seed=st.integers(0, 2**31), shape=st.lists(st.integers(0, 4), max_size=2))
def test_products_are_the_reference(
    name: str, seed: int, shape: list[int], draw: Draw, products: Products
) -> None:
    reference, own = products(name, draw(seed, list(shape), BACKEND.repack))
    assert_equal(ours(name, *own), exact(name, *reference))


def test_codes_of_the_whole_range(draw: Draw, values: Values) -> None:
    every = torch.arange(-32768, 32768, 7).to(torch.int16)
    for seed, name in enumerate(("requantize", "table", "sigmoid", "tanh", "silu", "gelu")):
        rest = values(name, draw(seed, [1]))[1:]
        assert torch.equal(ours(name, every, *rest), exact(name, every, *rest)), name


def test_truths_are_0_and_1() -> None:
    x = torch.tensor([[True, False, True], [False, False, True]]).t()
    assert_equal(ours("from_truth", x), exact("from_truth", x))


def test_operands_that_broadcast_over_many_axes(draw: Draw) -> None:
    d = draw(0, [2, 3, 2, 3])
    a, b = d.codes(2, 1, 2, 3), d.codes(1, 3, 2, 1)
    by = d.by(2)
    assert_equal(ours("add", a, b, *by, -1), exact("add", a, b, *by, -1))


def test_divisors_of_0_and_quotients_of_any_size(draw: Draw) -> None:
    a = torch.tensor([-32768, -32767, -1, 0, 1, 32767], dtype=torch.int16)
    b = torch.tensor([[-32768], [-1], [0], [1], [32767]], dtype=torch.int16)
    for exponent in (-31, -16, -1, 0, 15, 31):
        by = draw(0, [1]).by(least=exponent, most=exponent)
        assert_equal(ours("divide", a, b, *by), exact("divide", a, b, *by))


def test_ties_of_quotients_go_to_even() -> None:
    floor = torch.arange(-60, 61)
    even = (floor + floor % 2).to(torch.int16)
    for count in (2, 6, 34, 398):
        x = torch.zeros(121, count, dtype=torch.int16)
        x[:, 0] = floor * count + count // 2
        assert torch.equal(ours("mean", x, 1, False), even)
        assert torch.equal(ours("mean", x.t().contiguous(), 0, False), even)


@pytest.mark.parametrize("low", [-32768, 32766])
def test_long_rows_of_extremes(low: int, draw: Draw) -> None:
    """2^16 codes a row: sums of squares and of numerators are as large as they become."""
    x = torch.tensor([[low, 32767]], dtype=torch.int16).repeat(1, 1 << 15)
    d = draw(0, [1])
    by = d.by(least=10, most=10)
    norm = d.each(1 << 16)
    for name, rest in (
        ("layer_norm", (*norm, torch.tensor(1 << 61))),
        ("layer_norm", (*norm, torch.tensor(0))),
        ("softmax", (d.table(), -1)),
        ("softmax_polynomial", (*by, -1)),
        ("sum", (*by, 1, True)),
        ("mean", (1, False)),
    ):
        assert torch.equal(ours(name, x, *rest), exact(name, x, *rest)), name


@pytest.mark.parametrize(("tokens", "size"), [(1, 32), (17, 96), (70, 96), (70, 32)])
def test_tiles_of_every_width(tokens: int, size: int, draw: Draw) -> None:
    """Of the extremes of a weight without signs."""
    d, groups = draw(tokens, [1]), 96 // size
    grouping = PerGroup(size) if groups > 1 else PerChannel()
    format = WeightFormat("w", IntegerGrid(8, False), grouping, zero=IntegerZero())
    codes, zero = d.integers(2, [70, 96]) * 255.0, d.integers(2, [70, groups]) * 255.0
    stored = encode(Quantized(codes, torch.ones(70, groups), zero), None, format)
    by = multiplier(torch.rand(70, groups, generator=d.generator).double() * 2.0**-9)
    bias = (d.integers(1 << 31, [70]) - (1 << 30)).int()
    x, rest = d.codes(tokens, 96), (bias, by.mantissa, by.shift, size)
    found = ours("linear", x, BACKEND.repack(stored), *rest)
    assert_equal(found, exact("linear", x, REFERENCE.repack(stored), *rest))


@pytest.mark.parametrize(("size", "k"), [(128, 500), (400, 400)])
def test_compressed_patterns(
    size: int, k: int, draw: Draw, make_weight: Callable[..., Any]
) -> None:
    d, grouping = draw(1, [1]), PerGroup(size) if size < k else PerChannel()
    format = WeightFormat("w", IntegerGrid(4), grouping, pattern=NM(2, 4))
    weight, groups = make_weight(format, 6, k), -(-k // size)
    assert read(weight.packed).layout.sparse
    by = multiplier(torch.rand(6, groups, generator=d.generator).double() * 2.0**-4)
    rest = torch.zeros(6, dtype=torch.int32), by.mantissa, by.shift, size
    x, ids = d.codes(2, k), torch.tensor([5, 0])
    found = ours("linear", x, weight.packed, *rest)
    assert_equal(found, exact("linear", x, weight.reference, *rest))
    found = ours("embedding", ids, weight.packed, *rest[1:], k)
    assert_equal(found, exact("embedding", ids, weight.reference, *rest[1:], k))


def test_ids_that_are_no_rows(draw: Draw, products: Products) -> None:
    _, own = products("embedding", draw(3, [2], BACKEND.repack))
    _, weight, mantissa, shift, size, width = own
    count = mantissa.shape[0]
    ids = torch.tensor([-1, count - 1, count, -count - 1])
    first, same, *others = ours("embedding", ids, weight, mantissa, shift, size, width)
    assert torch.equal(first, same)
    assert all((row == -32768).all() for row in others)


def test_what_does_not_fit_is_refused(draw: Draw) -> None:
    x, d = torch.zeros(2, 3, dtype=torch.int16), draw(0, [1])
    with pytest.raises(ValueError, match="a constant has not a number for each channel"):
        ours("scale_and_shift", x, *d.each(4))
    with pytest.raises(ValueError, match=r"codes are int16, not torch.int32"):
        ours("table", x.int(), d.table())
