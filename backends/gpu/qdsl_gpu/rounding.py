"""Rounds numbers to the codes of a grid inside kernels, and back; each step rounded to f32."""

import triton
import triton.language as tl

_RINT = tl.constexpr(12582912.0)  # 1.5 · 2^23: its last bit is that of 1


@triton.jit
def rounded(x):
    """To the nearest integer, ties to even, 0 with the sign of x; beyond 2^22 only roughly."""
    sign = x.to(tl.int32, bitcast=True) & -2147483648
    nearest = (x + _RINT) - _RINT
    return (nearest.to(tl.int32, bitcast=True) | sign).to(tl.float32, bitcast=True)


@triton.jit
def clamped(x, LOW: tl.constexpr, HIGH: tl.constexpr):
    """x within [LOW, HIGH]; a NaN stays one."""
    x = tl.where(x < LOW, LOW * 1.0, x)
    return tl.where(x > HIGH, HIGH * 1.0, x)


@triton.jit
def stored(x, TYPE: tl.constexpr):
    """x as it comes back from storage in that type."""
    if TYPE == "f16":
        x = x.to(tl.float16).to(tl.float32)
    if TYPE == "bf16":
        x = x.to(tl.bfloat16).to(tl.float32)
    return x


@triton.jit
def position(x, s, z, GRID: tl.constexpr, ZERO: tl.constexpr):
    """The code of x before it is clamped."""
    if GRID == "half":
        return rounded(tl.div_rn(x, tl.where(s == 0, 1.0, s)) - 0.5)
    found = tl.div_rn(x, s)
    if ZERO == 1:
        found = found + z
    if ZERO == 2:
        found = found + tl.div_rn(z, s)
    return rounded(found)


@triton.jit
def in_table(x, s, values, VALUES: tl.constexpr):
    """The value nearest to x / s, of two the lower one; `values` f32 [VALUES] ascend."""
    at = tl.div_rn(x, s)
    last = tl.load(values)
    found = tl.zeros_like(at) + last
    for i in tl.static_range(1, VALUES):
        value = tl.load(values + i)
        found = tl.where(at - (last + value) * 0.5 <= 0, found, value)
        last = value
    return found


@triton.jit
def value_of(code, s, z, GRID: tl.constexpr, ZERO: tl.constexpr):
    """What a code stands for: s·q, s·(q + ½), s·(q - z) or s·q - zs."""
    if GRID == "half":
        return tl.where(s == 0, 0.0, s * (code + 0.5))
    if ZERO == 1:
        return s * (code - z)
    if ZERO == 2:
        return s * code - z
    return s * code


@triton.jit
def restored(
    x, s, z, middle, values, GRID: tl.constexpr, ZERO: tl.constexpr, LOW: tl.constexpr,
    HIGH: tl.constexpr, VALUES: tl.constexpr, SCALE: tl.constexpr,
):  # fmt: skip
    """f32 [BG, BL] that the codes of weights x stand for."""
    if GRID == "float":
        return stored(x, SCALE)
    s, z, middle = s[:, None], z[:, None], middle[:, None]
    if GRID == "table":
        return s * in_table(x, s, values, VALUES)
    if GRID == "binary":
        return s * tl.where(x < 0, -1.0, 1.0)
    if GRID == "centred":
        return s * tl.where(x - middle < 0, -1.0, 1.0)
    if GRID == "threshold":
        sign = tl.where(x < 0, -1.0, tl.where(x > 0, 1.0, x))
        return s * tl.where(tl.abs(x) - middle <= 0, 0.0, sign)
    return value_of(clamped(position(x, s, z, GRID, ZERO), LOW, HIGH), s, z, GRID, ZERO)
