"""Draws what operations on integers are given: codes of all kinds, multipliers, tables.

`VALUES` makes the arguments of operations that take no weight.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from qdsl.fx.integer.rounding import multiplier
from qdsl.fx.reference import BACKEND as REFERENCE
from qdsl.target import CanonicalWeight

EXTREMES = [-32768, -32767, -32766, -256, -128, -1, 0, 1, 127, 384, 32512, 32766, 32767]
Repack = Callable[[CanonicalWeight], Tensor]


class Draw:
    """Random operands of one example; `repack` is that of the back end that is given weights."""

    def __init__(self, seed: int, shape: list[int], repack: Repack = REFERENCE.repack) -> None:
        self.repack = repack
        self.generator = torch.Generator().manual_seed(seed)
        self.shape = shape
        self.axis = self.below(len(shape)) if shape else 0

    def below(self, limit: int) -> int:
        return int(torch.randint(limit, (), generator=self.generator))

    def codes(self, *shape: int) -> Tensor:
        """Anywhere, near 0, extremes alone or one value; of any strides."""
        shape = shape or tuple(self.shape)
        order = torch.randperm(len(shape), generator=self.generator).tolist()
        size = [shape[i] for i in order]
        match self.below(4):
            case 0:
                found = torch.tensor(EXTREMES)[self.integers(len(EXTREMES), size)]
            case 1:
                found = self.integers(600, size) - 300
            case 2:
                found = torch.full(size, EXTREMES[self.below(len(EXTREMES))])
            case _:
                found = self.integers(65536, size) - 32768
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
        sign = self.integers(3, [count]) - 1
        found = multiplier((spread.double() * sign).unsqueeze(-1)).each()
        offset = self.integers(80000, [count]) - 40000
        return found.mantissa.contiguous(), found.shift.contiguous(), offset.int()

    def table(self) -> Tensor:
        return self.integers(256, [256]).to(torch.uint8)

    def integers(self, limit: int, shape: list[int]) -> Tensor:
        return torch.randint(limit, shape, generator=self.generator)


# ---- operations on values ----------------------------------------------------------------------


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


VALUES: Mapping[str, Callable[[Draw], tuple[Any, ...]]] = {
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
