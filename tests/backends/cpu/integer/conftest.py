"""Runs integer operations on every instruction set, and draws what they are given."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx.integer.rounding import multiplier
from qdsl.fx.ops import backend
from qdsl_cpu import _native

Operations = Mapping[str, Callable[..., Any]]
EXTREMES = [-32768, -32767, -32766, -256, -128, -1, 0, 1, 127, 384, 32512, 32766, 32767]


_OWN = {k.rpartition("_")[2] for k in _native.kernels() if k.startswith(("integer", "linear_int8"))}


@pytest.fixture(params=[isa for isa in _native.isas() if isa in _OWN])
def kernels(request: pytest.FixtureRequest) -> Operations:
    """Operations on each instruction set with kernels of its own; two threads for any work."""
    backend("cpu")
    return {n: partial(f, isa=request.param, threads=2) for n, f in _native.integers().items()}


class Draw:
    """Random operands of one example."""

    def __init__(self, seed: int, shape: list[int]) -> None:
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


@pytest.fixture
def draw() -> Callable[[int, list[int]], Draw]:
    """Makes the operands of an example, of a seed and a shape."""
    return Draw
