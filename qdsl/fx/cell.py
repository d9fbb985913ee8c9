"""Defines the cells of packed LSTMs and GRUs to the bit: arithmetic of f32, no library function.

Kernels compute the same steps, so that a cell is the same on every processor.
"""

import torch
from torch import Tensor

_SHIFT = 12582912.0  # 1.5 · 2^23: adding it rounds to an integer, ties to even
_LOG2_E = 1.44269504
_LN2_HIGH, _LN2_LOW = 0.693359375, -2.12194440e-4  # the first has 9 bits
# of the Taylor series of (exp(r) - 1 - r) / r², highest power first; the rest is below 2^-27
_SERIES = (1.98412698e-4, 1.38888889e-3, 8.33333333e-3, 4.16666667e-2, 1.66666667e-1, 0.5)


def lstm_cell(gates: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """h, c [B, H] from gates [B, 4H] in the order i, f, g, o and the last c."""
    i, f, g, o = gates.chunk(4, -1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


def gru_cell(given: Tensor, recurrent: Tensor, h: Tensor) -> Tensor:
    """The next h [B, H] from the products of input and h [B, 3H], biases added, gates r, z, n."""
    (r, z, n), (hr, hz, hn) = given.chunk(3, -1), recurrent.chunk(3, -1)
    n = tanh(n + sigmoid(r + hr) * hn)
    return n + sigmoid(z + hz) * (h - n)


def sigmoid(x: Tensor) -> Tensor:
    """1 / (1 + e) for x ≥ 0, e / (1 + e) else, with e = exp(-|x|), |x| taken as at most 87."""
    power, fraction = _exponential(-_at_most(x.abs(), 87.0))
    value = power + power * fraction
    return torch.where(x < 0, value, 1.0) / (1.0 + value)


def tanh(x: Tensor) -> Tensor:
    """m / (m + 2) with m = exp(2|x|) - 1, |x| taken as at most 10, and the sign of x."""
    power, fraction = _exponential(2.0 * _at_most(x.abs(), 10.0))
    m = power * fraction + (power - 1.0)
    return torch.copysign(m / (m + 2.0), x)


def _exponential(y: Tensor) -> tuple[Tensor, Tensor]:
    """2^n and exp(r) - 1 for y = n·ln 2 + r, |y| ≤ 87."""
    n = (y * _LOG2_E + _SHIFT) - _SHIFT
    r = (y - n * _LN2_HIGH) - n * _LN2_LOW
    p = torch.full_like(r, _SERIES[0])
    for coefficient in _SERIES[1:]:
        p = p * r + coefficient
    power = ((n.nan_to_num().to(torch.int32) + 127) << 23).view(torch.float32)
    return power, r + r * r * p


def _at_most(x: Tensor, limit: float) -> Tensor:
    # unlike a minimum, this keeps NaN
    return torch.where(x > limit, limit, x)
