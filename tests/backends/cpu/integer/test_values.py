"""Integer operations on values against the reference, on every instruction set, to the bit."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdsl.fx.ops import operation

Draw = Any  # of conftest.py
Given = Callable[[str, Draw], tuple[Any, ...]]
Operations = Mapping[str, Callable[..., Any]]
few = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
shapes = st.lists(st.integers(0, 5) | st.integers(1, 40), min_size=1, max_size=4)
NAMES = """quantize dequantize requantize table sigmoid tanh silu gelu from_integers add multiply
    divide glu glu_polynomial softmax softmax_polynomial layer_norm scale_and_shift sum mean
    pool_mean""".split()


@pytest.mark.parametrize("name", NAMES)
@few
@given(seed=st.integers(0, 2**31), shape=shapes)
def test_equal_to_the_reference(
    name: str, seed: int, shape: list[int], draw: Draw, values: Given, kernels: Operations
) -> None:
    arguments = values(name, draw(seed, list(shape)))
    expected = operation(f"integer_{name}", "reference")(*arguments)
    found = kernels[name](*arguments)
    assert found.is_contiguous()
    assert torch.equal(found, expected)


def test_every_code(draw: Draw, values: Given, kernels: Operations) -> None:
    """Functions of one value, of all of them."""
    every = torch.arange(-32768, 32768).to(torch.int16)
    for seed, name in enumerate(("requantize", "table", "sigmoid", "tanh", "silu", "gelu")):
        arguments = (every, *values(name, draw(seed, [1]))[1:])
        expected = operation(f"integer_{name}", "reference")(*arguments)
        assert torch.equal(kernels[name](*arguments), expected), name


def test_ties_of_quotients_go_to_even(kernels: Operations) -> None:
    """Half a step, where a product with the inverse is beside it."""
    floor = torch.arange(-60, 61)
    even = (floor + floor % 2).to(torch.int16)
    for count in range(2, 400, 2):
        x = torch.zeros(121, count, dtype=torch.int16)
        x[:, 0] = floor * count + count // 2
        assert torch.equal(kernels["mean"](x, 1, False), even)


@pytest.mark.parametrize("low", [-32768, 32766])
def test_long_rows_of_extremes(low: int, draw: Draw, kernels: Operations) -> None:
    """2^16 codes a row: sums of squares and of numerators are as large as they become."""
    x = torch.tensor([low, 32767], dtype=torch.int16).repeat(2, 1 << 15)
    d = draw(0, [1])
    by = d.by(least=10, most=10)
    norm = (*d.each(1 << 16), torch.tensor(1 << 61))
    for name, rest in (
        ("layer_norm", norm),
        ("layer_norm", (*norm[:3], torch.tensor(0))),
        ("softmax", (d.table(), -1)),
        ("softmax_polynomial", (*by, -1)),
        ("sum", (*by, 1, True)),
        ("mean", (1, False)),
    ):
        expected = operation(f"integer_{name}", "reference")(x, *rest)
        assert torch.equal(kernels[name](x, *rest), expected), name


def test_constants_that_do_not_fit_are_refused(draw: Draw, kernels: Operations) -> None:
    x, d = torch.zeros(2, 3, dtype=torch.int16), draw(0, [1])
    with pytest.raises(ValueError, match="a constant has not a number for each channel"):
        kernels["scale_and_shift"](x, *d.each(4))
    with pytest.raises(ValueError, match=r"`codes` is torch.int32, not int16"):
        kernels["table"](x.int(), d.table())
    with pytest.raises(ValueError, match="shapes do not broadcast"):
        kernels["multiply"](x, x[:, :2], *d.by())
