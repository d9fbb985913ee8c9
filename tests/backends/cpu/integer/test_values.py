"""Integer operations on values against the reference, on every instruction set, to the bit."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.ops import operation

Draw = Any  # of conftest.py
Operations = Mapping[str, Callable[..., Any]]
few = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
shapes = st.lists(st.integers(0, 5) | st.integers(1, 40), min_size=1, max_size=4)


def _halves(d: Draw) -> tuple[Tensor, int]:
    shape = [2 * n if i == d.axis else n for i, n in enumerate(d.shape)]
    return d.codes(*shape), d.axis


def _glu(d: Draw) -> tuple[Any, ...]:
    x, axis = _halves(d)
    return x, d.table(), *d.by(), axis


def _glu_polynomial(d: Draw) -> tuple[Any, ...]:
    x, axis = _halves(d)
    return x, *d.by(), *d.by(least=-2), axis - len(d.shape)


def _filled(d: Draw) -> Tensor:
    """Of an axis over which there is a largest."""
    d.shape[d.axis] = max(d.shape[d.axis], 1)
    return d.codes()


def _pooled(d: Draw) -> tuple[Any, ...]:
    x = _filled(d)
    size = 1 + d.below(x.shape[d.axis])
    return x, d.axis, size, 1 + d.below(4)


def _norm(d: Draw) -> tuple[Any, ...]:
    d.axis = len(d.shape) - 1
    x = _filled(d)
    return x, *d.each(x.shape[-1]), torch.tensor(d.below(3) * d.below(1 << 40))


def _wide(d: Draw) -> Tensor:
    limit = 1 << (8 * (1 + d.below(7)))
    return torch.randint(-limit, limit, d.shape, generator=d.generator)


def _floats(d: Draw) -> Tensor:
    """Codes and what lies half way between them, NaN and infinities among them."""
    x = d.codes().float() / 2
    special = torch.tensor([torch.nan, torch.inf, -torch.inf, 3e38, -3e38])
    return torch.where(x % 7 == 3, special[d.below(5)], x)


def _scale(d: Draw) -> Tensor:
    return torch.tensor([256.0, 1.0, 0.1, 1e-30, 3e38])[d.below(5)]


ARGUMENTS: Mapping[str, Callable[[Draw], tuple[Any, ...]]] = {
    "quantize": lambda d: (_floats(d), _scale(d)),
    "dequantize": lambda d: (d.codes(), _scale(d)),
    "requantize": lambda d: (d.codes(), *d.by()),
    "table": lambda d: (d.codes(), d.table()),
    "sigmoid": lambda d: (d.codes(), *d.by(least=-2, most=16)),
    "tanh": lambda d: (d.codes(), *d.by(least=-2, most=16)),
    "silu": lambda d: (d.codes(), *d.by(least=-2, most=16), *d.by()),
    "gelu": lambda d: (d.codes(), *d.by(least=-2, most=16), *d.by()),
    "from_integers": lambda d: (_wide(d), *d.by(least=-16)),
    "add": lambda d: (*d.broadcast(), *d.by(2), 1 - 2 * d.below(2)),
    "multiply": lambda d: (*d.broadcast(), *d.by(least=-31, most=2)),
    "divide": lambda d: (*d.broadcast(), *d.by(least=-31, most=20)),
    "glu": _glu,
    "glu_polynomial": _glu_polynomial,
    "softmax": lambda d: (_filled(d), d.table(), d.axis),
    "softmax_polynomial": lambda d: (_filled(d), *d.by(least=-2, most=16), d.axis),
    "layer_norm": _norm,
    "scale_and_shift": lambda d: (d.codes(), *d.each(d.shape[-1])),
    "sum": lambda d: (d.codes(), *d.by(), d.axis, bool(d.below(2))),
    "mean": lambda d: (d.codes(), d.axis, bool(d.below(2))),
    "pool_mean": _pooled,
}


@pytest.mark.parametrize("name", ARGUMENTS)
@few
@given(seed=st.integers(0, 2**31), shape=shapes)
def test_equal_to_the_reference(
    name: str, seed: int, shape: list[int], draw: Draw, kernels: Operations
) -> None:
    arguments = ARGUMENTS[name](draw(seed, list(shape)))
    expected = operation(f"integer_{name}", "reference")(*arguments)
    found = kernels[name](*arguments)
    assert found.is_contiguous()
    assert torch.equal(found, expected)


def test_every_code(draw: Draw, kernels: Operations) -> None:
    """Functions of one value, of all of them."""
    every = torch.arange(-32768, 32768).to(torch.int16)
    for seed, name in enumerate(("requantize", "table", "sigmoid", "tanh", "silu", "gelu")):
        arguments = (every, *ARGUMENTS[name](draw(seed, [1]))[1:])
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
