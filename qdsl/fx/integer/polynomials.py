"""Computes exp, sigmoid, tanh, silu and gelu by polynomials of second degree (I-BERT, 2101.01321).

Fixed point with 20 fraction bits, written Q20. Arguments are int16 codes with the multiplier that
takes them to Q20.
"""

import math

from torch import Tensor

from qdsl.fx.integer.codes import ONE, wide
from qdsl.fx.integer.rounding import INT31_MAX, Multiplier, divided, scaled, shifted

FRACTION = 20
Q = 1 << FRACTION
LN2 = round(math.log(2) * Q)
# exp(-r) for 0 ≤ r < ln 2 is about 1 - B·r + A·r²
A, B = round(0.35815147 * Q), round(0.96963238 * Q)
# erf(v) for v ≥ 0 is about 1 - C·(min(v, D) - D)²
C, D = round(0.2888 * Q), round(1.769 * Q)
_MOST_HALVINGS = 31


def fixed_point(codes: Tensor, by: Multiplier) -> Tensor:
    """Q20, i64, of non-negative integers, at most 2^31 - 1."""
    return scaled(codes, by).clamp(max=INT31_MAX)


def decay(x: Tensor) -> Tensor:
    """exp(-x) in Q20 for x ≥ 0 in Q20: 2^-z·(1 - B·r + A·r²), x = z·ln 2 + r."""
    z = x // LN2
    r = x - z * LN2
    value = Q - shifted(r * B, FRACTION) + shifted(shifted(r * r, FRACTION) * A, FRACTION)
    return shifted(value, z.clamp(max=_MOST_HALVINGS))


def sigmoid(codes: Tensor, by: Multiplier) -> Tensor:
    """int16 at scale UNIT; `by` [] is the scale of a code times 2^20."""
    q = codes.long()
    e = decay(fixed_point(q.abs(), by))
    top = e.masked_fill(q >= 0, Q)
    return wide(divided(top * ONE, e + Q))


def tanh(codes: Tensor, by: Multiplier) -> Tensor:
    """int16 at scale UNIT; `by` as for sigmoid. tanh(x) = (1 - e) / (1 + e), e = exp(-2x)."""
    q = codes.long()
    e = decay(fixed_point(q.abs(), by) * 2)
    return wide(divided((Q - e) * ONE * q.sign(), e + Q))


def silu(codes: Tensor, by: Multiplier, result: Multiplier) -> Tensor:
    """x · sigmoid(x); `result` [] is s_x · UNIT / 256 over the result's scale."""
    return wide(scaled(codes.long() * sigmoid(codes, by).long(), result))


def gelu(codes: Tensor, by: Multiplier, result: Multiplier) -> Tensor:
    """x · (1 + erf(x / √2)) / 2; `by` takes to x / √2, `result` [] is s_x · 2^-15 over s_y."""
    q = codes.long()
    short = fixed_point(q.abs(), by).clamp(max=D) - D
    erf = Q - shifted(shifted(short * short, FRACTION) * C, FRACTION)
    share = shifted(Q + erf * q.sign(), FRACTION + 1 - 15)  # of 2^15
    return wide(scaled(q * share, result))
