"""Divides and scales integers inside kernels, rounding once, to nearest with ties to even.

The numbers are those of `qdsl.fx.integer.rounding`, to the bit. Integers of 64 bits are multiplied
and shifted but never divided, which takes a hundred instructions: floats find a quotient to within
one, and what is left over settles it.
"""

import triton
import triton.language as tl

WIDE_MAX = tl.constexpr(32767)
MASKED = tl.constexpr(-32768)
ONE = tl.constexpr(127 * 256)
"""The code of 1 at scale 1/127."""
_FARTHEST = tl.constexpr(65536.0)


@triton.jit
def wide(x):
    """int16 codes of integers, saturating at ±32767."""
    return tl.minimum(tl.maximum(x, -WIDE_MAX), WIDE_MAX).to(tl.int16)


@triton.jit
def narrow(codes):
    """int8 codes, in i32, of int16 ones."""
    q = codes.to(tl.int32)
    q = (q + 127 + ((q >> 8) & 1)) >> 8
    return tl.minimum(tl.maximum(q, -127), 127)


@triton.jit
def shifted(x, shift):
    """x / 2^shift for i64 |x| < 2^63 - 2^61 and shifts i64 of 0 to 62."""
    any = (shift > 0).to(tl.int64)
    below = ((1 << shift) >> 1) - any
    return (x + below + ((x >> shift) & any)) >> shift


@triton.jit
def halved(x, BY: tl.constexpr):
    """The same for a shift that is known."""
    return (x + ((1 << (BY - 1)) - 1) + ((x >> BY) & 1)) >> BY


@triton.jit
def scaled(x, mantissa, shift):
    """round(x · mantissa / 2^shift) for |x| < 2^31, all i64."""
    return shifted(x * mantissa, shift)


@triton.jit
def number(pointer):
    """One integer in memory as i64."""
    return tl.load(pointer).to(tl.int64)


@triton.jit
def settled(x, near, by):
    """x / by of i64, from an integer that is less than 1.5 beside it."""
    twice = (x - near * by) * 2
    odd = near & 1
    return near + (twice > by - odd).to(tl.int64) - (twice < odd - by).to(tl.int64)


@triton.jit
def divided(x, by):
    """x / by for i64 by > 0, right up to 2^16, beyond it no less than that."""
    near = x.to(tl.float32) / by.to(tl.float32)
    near = tl.minimum(tl.maximum(near, -_FARTHEST), _FARTHEST)
    return settled(x, near.to(tl.int32).to(tl.int64), by)


@triton.jit
def square_root(x):
    """floor(sqrt(x)) of i64 0 ≤ x < 2^63 - 2^33."""
    root = tl.sqrt(x.to(tl.float64)).to(tl.int64)
    root = root - (root * root > x).to(tl.int64)
    return root + ((root + 1) * (root + 1) <= x).to(tl.int64)
