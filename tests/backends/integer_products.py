"""Draws what products of integers are given: weights of every grid, and their multipliers.

`PRODUCTS` makes their arguments, as the reference has them and as a back end has.
"""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from integer_values import Draw
from torch import Tensor

from qdsl.fx.canonical import encode
from qdsl.fx.integer.rounding import multiplier
from qdsl.fx.numerics import Quantized
from qdsl.fx.reference import BACKEND as REFERENCE
from qdsl.ir.format import (
    BinaryGrid,
    Grid,
    IntegerGrid,
    IntegerZero,
    PerChannel,
    PerGroup,
    Symmetric,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import NM, Dense

GRIDS: list[Grid] = [
    *(IntegerGrid(bits, signed) for bits in range(2, 9) for signed in (True, False)),
    TernaryGrid(),
    BinaryGrid(),
]
Both = tuple[Tensor, Tensor]  # as the reference reads it, as the back end does


def _codes(d: Draw, grid: Grid, shape: list[int]) -> Tensor:
    """Any of the grid, or its ends alone."""
    match grid:
        case IntegerGrid():
            least, most = grid.qmin, grid.qmax
        case _:
            least, most = -1, 1
    if isinstance(grid, BinaryGrid) or d.below(3) == 0:
        return least + (most - least) * d.integers(2, shape)
    return least + d.integers(most - least + 1, shape)


def _mask(d: Draw, outputs: int, k: int, pattern: NM) -> Tensor:
    order = torch.rand(outputs, k // pattern.group, pattern.group, generator=d.generator)
    return (order.argsort(-1).argsort(-1) < pattern.kept).view(outputs, k)


def _weight(d: Draw, outputs: int, k: int) -> tuple[Both, int, Tensor, Tensor]:
    """A weight [outputs, k], its group size, and multipliers of its groups, of one shift a row."""
    grid = GRIDS[d.below(len(GRIDS))]
    size = k if d.below(2) else 1 + d.below(k)
    # a pattern divides what its groups divide
    pattern = NM(2, 4) if k % 4 == 0 and size % 4 == 0 and d.below(3) == 0 else Dense()
    integer = isinstance(grid, IntegerGrid)
    groups = -(-k // size)
    zero = _codes(d, grid, [outputs, groups]) if integer and d.below(2) else None
    format = WeightFormat(
        "x",
        grid,
        PerChannel() if size == k else PerGroup(size),
        zero=Symmetric() if zero is None else IntegerZero(),
        pattern=pattern,
    )
    mask = _mask(d, outputs, k, pattern) if isinstance(pattern, NM) else None
    codes = _codes(d, grid, [outputs, k]).float()
    scale = torch.ones(outputs, groups)
    stored = encode(
        Quantized(
            codes if mask is None else codes * mask, scale, None if zero is None else zero.float()
        ),
        mask,
        format,
    )
    spread = torch.rand(outputs, groups, generator=d.generator).double() + 0.01
    found = multiplier(spread * 2.0 ** -d.below(24))
    return (REFERENCE.repack(stored), d.repack(stored)), size, found.mantissa, found.shift


def _bias(d: Draw, outputs: int) -> Tensor:
    most = 1 << (1 + d.below(30))
    return (d.integers(2 * most + 1, [outputs]) - most).int()


def _linear(d: Draw) -> list[tuple[Any, ...]]:
    outputs, k = 1 + d.below(150), 1 + d.below(140)
    both, size, *by = _weight(d, outputs, k)
    x, bias = d.codes(*d.shape, k), _bias(d, outputs)
    return [(x, w, bias, *by, size) for w in both]


def _conv(d: Draw) -> list[tuple[Any, ...]]:
    axes, parts = 1 + d.below(2), 1 + d.below(3)
    channels, outputs = parts * (1 + d.below(5)), parts * (1 + d.below(9))
    kernel, stride, dilation = ([1 + d.below(3) for _ in range(axes)] for _ in range(3))
    padding = [d.below(3) for _ in range(2 * axes)]
    spatial = [(k - 1) * s + 1 + d.below(4) for k, s in zip(kernel, dilation, strict=True)]
    k = torch.Size(kernel).numel() * (channels // parts)
    both, size, *by = _weight(d, outputs, k)
    x, bias = d.codes(1 + d.below(3), *spatial, channels), _bias(d, outputs)
    return [(x, w, bias, *by, size, kernel, stride, padding, dilation, parts) for w in both]


def _embedding(d: Draw) -> list[tuple[Any, ...]]:
    rows, width = 1 + d.below(70), 1 + d.below(70)
    both, size, *by = _weight(d, rows, width)
    return [(d_ids, w, *by, size, width) for d_ids in (d.integers(rows, d.shape),) for w in both]


def _gates(d: Draw) -> list[Tensor]:
    return [d.table(), d.table()] if d.below(2) else []


def _lstm(d: Draw) -> list[tuple[Any, ...]]:
    batch, time, given, hidden = 1 + d.below(3), d.below(4), 1 + d.below(20), 1 + d.below(20)
    state = 1 + d.below(20) if d.below(2) else hidden
    of_x, size_x, of_groups, shift = _weight(d, 4 * hidden, given)
    of_h, size_h, own, _ = _weight(d, 4 * hidden, state)
    mantissa = torch.cat([of_groups, own], 1)
    constants = [_bias(d, 4 * hidden), mantissa, shift, *d.by(), *d.by()]
    constants += [*d.by(2, least=-24, most=-8), *d.by(least=-4, most=4)]
    weights, sizes = [of_x, of_h], [size_x, size_h]
    if state != hidden or d.below(2):
        last, size, *by = _weight(d, state, hidden)
        weights, sizes, constants = [*weights, last], [*sizes, size], [*constants, *by]
    codes = d.codes(batch, time, given), d.codes(batch, state), d.codes(batch, hidden)
    tables = _gates(d)
    return [(*codes, [w[i] for w in weights], tables, constants, sizes) for i in range(2)]


def _gru(d: Draw) -> list[tuple[Any, ...]]:
    batch, time, given, hidden = 1 + d.below(3), d.below(4), 1 + d.below(20), 1 + d.below(20)
    of_x, size_x, *by_x = _weight(d, 3 * hidden, given)
    of_h, size_h, *by_h = _weight(d, 3 * hidden, hidden)
    constants = [*d.by(), _bias(d, 3 * hidden), *by_x, _bias(d, 3 * hidden), *by_h]
    codes, tables = (d.codes(batch, time, given), d.codes(batch, hidden)), _gates(d)
    return [(*codes, [of_x[i], of_h[i]], tables, constants, [size_x, size_h]) for i in range(2)]


EQUATIONS = ("bthd,bshd->bhts", "bhts,bshd->bthd", "td,sd->ts", "i,j->ij", "bij,bj->ib", "ij,jk->k")


def _einsum(d: Draw) -> list[tuple[Any, ...]]:
    equation = EQUATIONS[d.below(len(EQUATIONS))]
    sizes = {letter: 1 + d.below(20) for letter in equation if letter.isalpha()}
    first, second = equation.partition("->")[0].split(",")
    a, b = (d.codes(*(sizes[i] for i in letters)) for letters in (first, second))
    return [(a, b, *d.by(least=-24, most=4), equation)] * 2


PRODUCTS: Mapping[str, Callable[[Draw], list[tuple[Any, ...]]]] = {
    "linear": _linear,
    "conv": _conv,
    "embedding": _embedding,
    "lstm": _lstm,
    "gru": _gru,
    "einsum": _einsum,
}
