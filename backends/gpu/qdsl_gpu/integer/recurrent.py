"""Runs LSTM and GRU layers on integers: each step is a product and a cell."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl_gpu.integer.elementwise import codes, requantize
from qdsl_gpu.integer.products import By, narrowed, product
from qdsl_gpu.kernels.integer_gru_cell import KERNEL as GRU_CELL
from qdsl_gpu.kernels.integer_lstm_cell import KERNEL as LSTM_CELL
from qdsl_gpu.weights import Packed, read

_BLOCK = 256
Several = Sequence[Tensor]


@dataclass(frozen=True, slots=True)
class _Gates:
    """Tables u8 [256] of sigmoid and tanh; where there are none, the polynomials."""

    sigmoids: Tensor
    tanhs: Tensor
    polynomial: bool

    @staticmethod
    def of(tables: Several, other: Tensor) -> "_Gates":
        """`other` is not read."""
        sigmoids, tanhs = tables or (other, other)
        return _Gates(sigmoids, tanhs, not tables)


def lstm(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weights: Several,
    tables: Several,
    constants: Several,
    sizes: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """x i16 [B, T, in], h [B, P], c [B, H] → y [B, T, P], h, c; constants of the reference."""
    codes(x, h, c)
    bias, mantissa, shift, *rest = (t.contiguous() for t in constants)
    of_h, of_c, update, argument, *last = zip(rest[::2], rest[1::2], strict=True)
    h, c = requantize(h, *of_h), requantize(c, *of_c)
    input, recurrent, *outer = map(read, weights)
    batch, time, _ = x.shape
    y = x.new_empty(batch, time, h.shape[1])
    if not y.numel():
        return y, h, c
    totals = _sums(x, input, By(mantissa, shift), bias).view(batch, time, -1)
    own = By(mantissa, shift, input.layout.groups)
    gates_of = _Gates.of(tables, x)
    cells = h.new_empty(c.shape)
    for t in range(time):
        gates = product(narrowed(h, recurrent.layout), recurrent, own, None, totals[:, t])
        h, next = y[:, t], torch.empty_like(c)
        to = cells if outer else h
        _lstm_cell(gates, c, to, next, gates_of, (*update, *argument))
        c = next
        if outer:
            h.copy_(product(narrowed(cells, outer[0].layout), outer[0], By(*last[0]), None))
    return y, h.clone(), c


def _sums(x: Tensor, weight: Packed, by: By, bias: Tensor) -> Tensor:
    """i64 [B·T, N]."""
    rows = x.reshape(-1, weight.layout.in_features)
    return product(narrowed(rows, weight.layout), weight, by, bias, rounded=False)


def _lstm_cell(
    gates: Tensor, c: Tensor, h: Tensor, next: Tensor, functions: _Gates, by: Several
) -> None:
    batch, hidden = c.shape
    LSTM_CELL[batch, -(-hidden // _BLOCK)](
        gates, c, h, next, functions.sigmoids, functions.tanhs, *by, hidden, h.stride(0),
        POLYNOMIAL=functions.polynomial, BLOCK=_BLOCK, enable_fp_fusion=False,
    )  # fmt: skip


def gru(
    x: Tensor,
    h: Tensor,
    weights: Several,
    tables: Several,
    constants: Several,
    sizes: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """x i16 [B, T, in], h [B, H] → y [B, T, H], h; constants of the reference."""
    codes(x, h)
    m, e, bias, of_x, shift, own_bias, own_m, own_e = (t.contiguous() for t in constants)
    h = requantize(h, m, e)
    input, recurrent = map(read, weights)
    batch, time, _ = x.shape
    y = x.new_empty(batch, time, h.shape[1])
    if not y.numel():
        return y, h
    rows = x.reshape(-1, input.layout.in_features)
    given = product(narrowed(rows, input.layout), input, By(of_x, shift), bias).view(
        batch, time, -1
    )
    functions, by = _Gates.of(tables, x), By(own_m, own_e)
    for t in range(time):
        own = product(narrowed(h, recurrent.layout), recurrent, by, own_bias)
        _gru_cell(given[:, t], own, h, y[:, t], functions)
        h = y[:, t]
    return y, h.clone()


def _gru_cell(given: Tensor, own: Tensor, h: Tensor, next: Tensor, functions: _Gates) -> None:
    batch, hidden = h.shape
    GRU_CELL[batch, -(-hidden // _BLOCK)](
        given, own, h, next, functions.sigmoids, functions.tanhs, hidden, given.stride(0),
        h.stride(0), next.stride(0),
        POLYNOMIAL=functions.polynomial, BLOCK=_BLOCK, enable_fp_fusion=False,
    )  # fmt: skip
