"""Holds the functions of one value inside kernels: tables with lines between entries, polynomials.

The polynomials have 20 fraction bits, Q20, and are those of `qdsl.fx.integer.polynomials`.
"""

import triton
import triton.language as tl

from qdsl_gpu.integer.rounding import ONE, divided, halved, scaled

_Q = tl.constexpr(1 << 20)
_LN2 = tl.constexpr(726817)
# exp(-r) for 0 ≤ r < ln 2 is about 1 - B·r + A·r²
_A, _B = tl.constexpr(375549), tl.constexpr(1016733)
# erf(v) for v ≥ 0 is about 1 - C·(min(v, D) - D)²
_C, _D = tl.constexpr(302829), tl.constexpr(1854931)
_INT31_MAX = tl.constexpr((1 << 31) - 1)
# a step of a gate's argument, f32(8/127) / 256, in Q20
_GATE, _GATE_SHIFT = tl.constexpr(1082196480), tl.constexpr(22)


# ---- tables ------------------------------------------------------------------------------------


@triton.jit
def between(position, entries, ZERO: tl.constexpr):
    """256·t(i) + (t(i + 1) - t(i))·r at positions i32 256·i + r; entries u8 [256] less ZERO."""
    index, rest = position >> 8, position & 255
    first = tl.load(entries + index).to(tl.int32) - ZERO
    second = tl.load(entries + tl.minimum(index + 1, 255)).to(tl.int32) - ZERO
    return first * 256 + (second - first) * rest


@triton.jit
def looked_up(q, entries):
    """Codes i64 of a function for codes of its argument."""
    return between(q.to(tl.int32) + 32768, entries, 128).to(tl.int64)


# ---- polynomials: codes i64, the multiplier that takes them to Q20 i64 ------------------------


@triton.jit
def sign_of(q):
    return (q > 0).to(tl.int64) - (q < 0).to(tl.int64)


@triton.jit
def fixed_point(q, mantissa, shift):
    """Q20, at most 2^31 - 1, of integers that are not negative."""
    return tl.minimum(scaled(q, mantissa, shift), _INT31_MAX)


@triton.jit
def decay(x):
    """exp(-x) in Q20 for x ≥ 0 in Q20: 2^-z·(1 - B·r + A·r²), x = z·ln 2 + r; 0 from z = 31 on."""
    x = tl.minimum(x, 32 * _LN2 - 1).to(tl.int32)
    z = x // _LN2
    r = (x - z * _LN2).to(tl.int64)
    square = halved(r * r, 20)
    value = halved(square * _A, 20) - halved(r * _B, 20) + _Q
    return halved(value << (31 - z).to(tl.int64), 31)


@triton.jit
def sigmoid(q, mantissa, shift):
    """Codes i64 at scale 1/127."""
    e = decay(fixed_point(tl.abs(q), mantissa, shift))
    return divided(tl.where(q < 0, e, _Q) * ONE, e + _Q)


@triton.jit
def tanh(q, mantissa, shift):
    """(1 - e) / (1 + e) with e = exp(-2·|x|), with the sign of x."""
    e = decay(fixed_point(tl.abs(q), mantissa, shift) * 2)
    return divided((e - _Q) * -ONE * sign_of(q), e + _Q)


@triton.jit
def gelu_share(q, mantissa, shift):
    """(1 + erf(x / √2)) / 2 in steps of 2^-15; the multiplier takes to x / √2."""
    missing = tl.minimum(fixed_point(tl.abs(q), mantissa, shift), _D) - _D
    erf = -halved(halved(missing * missing, 20) * _C, 20) + _Q
    return halved(erf * sign_of(q) + _Q, 6)


# ---- gates: codes i16 of scale 8/127 → i64 of scale 1/127 ---------------------------------------


@triton.jit
def gate_sigmoid(q, entries, POLYNOMIAL: tl.constexpr):
    """By its table, or by the polynomial."""
    if POLYNOMIAL:
        q = q.to(tl.int64)
        value = sigmoid(q, q * 0 + _GATE, q * 0 + _GATE_SHIFT)
    else:
        value = looked_up(q, entries)
    return value


@triton.jit
def gate_tanh(q, entries, POLYNOMIAL: tl.constexpr):
    """By its table, or by the polynomial."""
    if POLYNOMIAL:
        q = q.to(tl.int64)
        value = tanh(q, q * 0 + _GATE, q * 0 + _GATE_SHIFT)
    else:
        value = looked_up(q, entries)
    return value
