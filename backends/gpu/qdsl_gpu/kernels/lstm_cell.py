"""Computes the cell of an LSTM from its gates, to the bit as processors do.

Exponentials are the same few multiplications and additions everywhere, each rounded.
"""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant

_LOG2_E = tl.constexpr(1.44269504)
_SHIFT = tl.constexpr(12582912.0)  # 1.5 · 2^23: its last bit is that of 1
_LN2_HIGH = tl.constexpr(0.693359375)
_LN2_LOW = tl.constexpr(-2.12194440e-4)


@triton.jit
def _exponential(y):
    """2^n and exp(r) - 1 for y = n·ln 2 + r, |y| ≤ 87."""
    n = (y * _LOG2_E + _SHIFT) - _SHIFT
    r = (y - n * _LN2_HIGH) - n * _LN2_LOW
    p = r * 1.98412698e-4 + 1.38888889e-3
    p = p * r + 8.33333333e-3
    p = p * r + 4.16666667e-2
    p = p * r + 1.66666667e-1
    p = p * r + 0.5
    whole = tl.where(n == n, n, 0.0).to(tl.int32)
    power = ((whole + 127) << 23).to(tl.float32, bitcast=True)
    return power, r + r * r * p


@triton.jit
def _sigmoid(x):
    size = tl.abs(x)
    power, fraction = _exponential(-tl.where(size > 87.0, 87.0, size))
    value = power + power * fraction
    return tl.div_rn(tl.where(x < 0, value, 1.0), 1.0 + value)


@triton.jit
def _tanh(x):
    size = tl.abs(x)
    power, fraction = _exponential(2.0 * tl.where(size > 10.0, 10.0, size))
    m = power * fraction + (power - 1.0)
    value = tl.div_rn(m, m + 2.0).to(tl.int32, bitcast=True)
    sign = x.to(tl.int32, bitcast=True) & -2147483648
    return (value | sign).to(tl.float32, bitcast=True)


@triton.jit
def lstm_cell(gates, c, h_next, c_next, H, BLOCK: tl.constexpr):
    """gates f32 [B, 4H] in the order i, f, g, o, and c [B, H] → the next h and c [B, H]."""
    b = tl.program_id(0)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < H
    row = gates + b * 4 * H + j
    i = tl.load(row, mask=inside, other=0.0)
    f = tl.load(row + H, mask=inside, other=0.0)
    g = tl.load(row + 2 * H, mask=inside, other=0.0)
    o = tl.load(row + 3 * H, mask=inside, other=0.0)
    cell = tl.load(c + b * H + j, mask=inside, other=0.0)
    cell = _sigmoid(f) * cell + _sigmoid(i) * _tanh(g)
    tl.store(c_next + b * H + j, cell, mask=inside)
    tl.store(h_next + b * H + j, _sigmoid(o) * _tanh(cell), mask=inside)


_TYPES = {"gates": "*fp32", "c": "*fp32", "h_next": "*fp32", "c_next": "*fp32", "H": "i32"}

KERNEL = Kernel(
    lstm_cell,
    (
        Variant("all", _TYPES, {"BLOCK": 256}, multiples=("H",)),
        Variant("ones", _TYPES, {"BLOCK": 256, "H": 1}),
    ),
)
