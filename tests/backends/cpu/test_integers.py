"""Integer operations on processors against the reference, on every instruction set, to the bit."""

from collections.abc import Callable, Mapping
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.integer.rounding import multiplier
from qdsl.fx.ops import backend, operation
from qdsl_cpu import _native, integers

few = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
shapes = st.lists(st.integers(0, 5) | st.integers(1, 40), min_size=1, max_size=4)
EXTREMES = [-32768, -32767, -32766, -256, -128, -1, 0, 1, 127, 384, 32512, 32766, 32767]


@pytest.fixture(params=_native.isas())
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every instruction set of this processor in turn; two threads, however little the work."""
    functions = (n for n in dir(_native) if n.startswith("integer_"))
    forced = {n: partial(getattr(_native, n), isa=request.param, threads=2) for n in functions}
    monkeypatch.setattr(integers, "_native", SimpleNamespace(**forced))
    backend("cpu")


class Draw:
    """Random operands of one example."""

    def __init__(self, seed: int, shape: list[int]) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.shape = shape
        self.axis = self.below(len(shape))

    def below(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self.generator))

    def codes(self, *shape: int) -> Tensor:
        """Anywhere, near 0, extremes alone or one value; of any strides."""
        shape = shape or tuple(self.shape)
        order = torch.randperm(len(shape), generator=self.generator).tolist()
        size = [shape[i] for i in order]
        match self.below(4):
            case 0:
                found = torch.tensor(EXTREMES)[self._integers(len(EXTREMES), size)]
            case 1:
                found = self._integers(600, size) - 300
            case 2:
                found = torch.full(size, EXTREMES[self.below(len(EXTREMES))])
            case _:
                found = self._integers(65536, size) - 32768
        inverse = [order.index(i) for i in range(len(shape))]
        return found.to(torch.int16).permute(inverse)

    def broadcast(self) -> tuple[Tensor, Tensor]:
        """Two operands, axes of which are left out or 1."""
        sides = ([1 if self.below(4) == 0 else n for n in self.shape] for _ in range(2))
        a, b = (self.codes(*side) for side in sides)
        return a, b[0] if b.shape[0] == 1 and b.dim() > 1 and self.below(2) else b

    def by(self, *shape: int, least: int = -24, most: int = 12) -> tuple[Tensor, Tensor]:
        """Numbers with one denominator in the last axis, from 2^least to 2^most."""
        exponent = least + (most - least) * torch.rand((), generator=self.generator)
        real = torch.rand(shape or (1,), generator=self.generator) + 0.5
        found = multiplier(real.double() * 2.0**exponent)
        return found.mantissa if shape else found.mantissa[0], found.shift[0]

    def each(self, count: int) -> tuple[Tensor, Tensor, Tensor]:
        """A signed number for each of the channels, and an offset."""
        spread = 2.0 ** (torch.rand(count, generator=self.generator) * 24 - 20)
        sign = self._integers(3, [count]) - 1
        found = multiplier((spread.double() * sign).unsqueeze(-1)).each()
        offset = self._integers(80000, [count]) - 40000
        return found.mantissa.contiguous(), found.shift.contiguous(), offset.int()

    def table(self) -> Tensor:
        return self._integers(256, [256]).to(torch.uint8)

    def _integers(self, limit: int, shape: list[int]) -> Tensor:
        return torch.randint(limit, shape, generator=self.generator)


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


ARGUMENTS: Mapping[str, Callable[[Draw], tuple[Any, ...]]] = {
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


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("name", ARGUMENTS)
@few
@given(seed=st.integers(0, 2**31), shape=shapes)
def test_equal_to_the_reference(name: str, seed: int, shape: list[int]) -> None:
    arguments = ARGUMENTS[name](Draw(seed, list(shape)))
    expected = operation(f"integer_{name}", "reference")(*arguments)
    found = operation(f"integer_{name}", "default")(*arguments)
    assert found.is_contiguous()
    assert torch.equal(found, expected)


def test_all_are_held_to_the_reference() -> None:
    assert set(ARGUMENTS) == set(integers.OPERATIONS)


@pytest.mark.usefixtures("kernels")
def test_every_code() -> None:
    """Functions of one value, of all of them."""
    every = torch.arange(-32768, 32768).to(torch.int16)
    for seed, name in enumerate(("requantize", "table", "sigmoid", "tanh", "silu", "gelu")):
        draw = Draw(seed, [1])
        arguments = (every, *ARGUMENTS[name](draw)[1:])
        expected = operation(f"integer_{name}", "reference")(*arguments)
        assert torch.equal(operation(f"integer_{name}", "default")(*arguments), expected), name


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("low", [-32768, -32767, 32766])
def test_long_rows_of_extremes(low: int) -> None:
    """2^16 codes a row: sums of squares and of numerators are as large as they become."""
    x = torch.tensor([low, 32767], dtype=torch.int16).repeat(2, 1 << 15)
    draw = Draw(0, [1])
    by = draw.by(least=10, most=10)
    norm = (*draw.each(1 << 16), torch.tensor(1 << 61))
    for name, rest in (
        ("layer_norm", norm),
        ("layer_norm", (*norm[:3], torch.tensor(0))),
        ("softmax", (draw.table(), -1)),
        ("softmax_polynomial", (*by, -1)),
        ("sum", (*by, 1, True)),
        ("mean", (1, False)),
    ):
        expected = operation(f"integer_{name}", "reference")(x, *rest)
        assert torch.equal(operation(f"integer_{name}", "default")(x, *rest), expected), name


def test_constants_that_do_not_fit_are_refused() -> None:
    x, draw = torch.zeros(2, 3, dtype=torch.int16), Draw(0, [1])
    with pytest.raises(ValueError, match=r"\[4\] constants for codes \[2, 3\]"):
        integers.scale_and_shift(x, *draw.each(4))
    with pytest.raises(ValueError, match="codes are int16"):
        integers.table(x.int(), draw.table())
