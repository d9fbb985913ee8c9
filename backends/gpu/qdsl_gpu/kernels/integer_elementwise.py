"""Computes operations on integers element by element, of one operand or of two."""

from typing import Any

import triton
import triton.language as tl

from qdsl_gpu.integer.functions import gelu_share, looked_up, sigmoid, sign_of, tanh
from qdsl_gpu.integer.rounding import ONE, WIDE_MAX, divided, number, scaled, shifted, wide
from qdsl_gpu.kernel import Kernel, Variant

_RINT = tl.constexpr(12582912.0)  # 1.5 · 2^23: its last bit is that of 1
_INT31_MAX = tl.constexpr((1 << 31) - 1)


@triton.jit
def _quantized(x, scale):
    """int16 codes of f32; NaN gives 0."""
    q = tl.div_rn(x, tl.load(scale) * 0.00390625)
    q = tl.where(q == q, q, 0.0)
    q = tl.where(q > 32767.0, 32767.0, tl.where(q < -32767.0, -32767.0, q))
    return ((q + _RINT) - _RINT).to(tl.int32).to(tl.int16)


@triton.jit
def _quotient(p, q, mantissa, shift):
    """A divisor of 0 saturates by the sign of the dividend; |code| · 2^46 < 2^62."""
    by = tl.minimum(number(shift), 46)
    top = p * shifted(number(mantissa), number(shift) - by) * sign_of(q)
    found = divided(top, tl.maximum(tl.abs(q) << by, 1))
    return tl.where(q == 0, sign_of(p) * WIDE_MAX, found)


@triton.jit
def _of_one(q, table, mantissa, shift, last_mantissa, last_shift, FUNCTION: tl.constexpr):
    """Codes i64 of a function of codes i64."""
    m, e = number(mantissa), number(shift)
    if FUNCTION == "requantize":
        value = scaled(q, m, e)
    elif FUNCTION == "from_integers":
        value = scaled(tl.minimum(tl.maximum(q, -_INT31_MAX), _INT31_MAX), m, e)
    elif FUNCTION == "sigmoid":
        value = sigmoid(q, m, e)
    elif FUNCTION == "tanh":
        value = tanh(q, m, e)
    elif FUNCTION == "silu":
        value = scaled(q * sigmoid(q, m, e), number(last_mantissa), number(last_shift))
    else:
        tl.static_assert(FUNCTION == "gelu")
        value = scaled(q * gelu_share(q, m, e), number(last_mantissa), number(last_shift))
    return value


@triton.jit
def _of_two(
    p, q, table, mantissa, shift, last_mantissa, last_shift, SIGN: tl.constexpr,
    FUNCTION: tl.constexpr,
):  # fmt: skip
    """The same of two; those of a gate take it second, and its argument's multiplier last."""
    if FUNCTION == "add":
        first, second = number(mantissa), number(mantissa + 1) * SIGN
        value = shifted(p * first + q * second, number(shift))
    elif FUNCTION == "divide":
        value = _quotient(p, q, mantissa, shift)
    else:
        if FUNCTION == "glu":
            q = looked_up(q, table)
        elif FUNCTION == "glu_polynomial":
            q = sigmoid(q, number(last_mantissa), number(last_shift))
        else:
            tl.static_assert(FUNCTION == "multiply")
        value = scaled(p * q, number(mantissa), number(shift))
    return value


@triton.jit
def integer_elementwise(
    a, b, table, mantissa, shift, last_mantissa, last_shift, offset, y, count,
    middle, inner, a0, a1, a2, b0, b1, b2,
    FUNCTION: tl.constexpr, SIGN: tl.constexpr, AXES: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y [count] of a and b over `AXES` axes [.., middle, inner] with strides; of 1, with the last.

    Program i writes BLOCK numbers. With one axis offsets have 64 bits, with more `count` is below
    2^31.
    """
    if AXES == 1:
        at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
        first, second = at * a2, at * b2
    else:
        at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
        i, j, k = (at // inner) // middle, (at // inner) % middle, at % inner
        first = i.to(tl.int64) * a0 + j.to(tl.int64) * a1 + k.to(tl.int64) * a2
        second = i.to(tl.int64) * b0 + j.to(tl.int64) * b1 + k.to(tl.int64) * b2
    inside = at < count
    p = tl.load(a + first, mask=inside, other=0)
    if FUNCTION == "quantize":
        value = _quantized(p, mantissa)
    elif FUNCTION == "dequantize":
        value = p.to(tl.float32) * (tl.load(mantissa) * 0.00390625)
    elif FUNCTION == "from_truth":
        value = tl.where(p != 0, ONE, 0).to(tl.int16)
    elif FUNCTION == "table":
        value = looked_up(p, table).to(tl.int16)
    elif FUNCTION == "scale_and_shift":
        # a modulus of 32 bits but for where the program begins
        begin = (tl.program_id(0).to(tl.int64) * BLOCK % inner).to(tl.int32)
        channel = tl.where(inside, (begin + tl.arange(0, BLOCK)) % inner, 0)
        m, e = tl.load(mantissa + channel).to(tl.int64), tl.load(shift + channel).to(tl.int64)
        value = wide(scaled(p.to(tl.int64), m, e) + tl.load(offset + channel).to(tl.int64))
    elif (FUNCTION == "add" or FUNCTION == "multiply") or (
        FUNCTION == "divide" or FUNCTION == "glu" or FUNCTION == "glu_polynomial"
    ):
        q = tl.load(b + second, mask=inside, other=0).to(tl.int64)
        value = wide(
            _of_two(
                p.to(tl.int64), q, table, mantissa, shift, last_mantissa, last_shift, SIGN, FUNCTION
            )
        )
    else:
        value = wide(
            _of_one(p.to(tl.int64), table, mantissa, shift, last_mantissa, last_shift, FUNCTION)
        )
    tl.store(y + at, value, mask=inside)


_POINTERS = {"a": "*i16", "b": "*i16", "table": "*u8", "y": "*i16"}
_POINTERS |= dict.fromkeys(("mantissa", "shift", "last_mantissa", "last_shift", "offset"), "*i32")
_SIZES = dict.fromkeys(("count", "middle", "inner", "a0", "a1", "a2", "b0", "b1", "b2"), "i32")
_FLAT: dict[str, Any] = {"AXES": 1, "middle": 1, "a2": 1, "b2": 1}


def _variant(name: str, types: dict[str, str] = _POINTERS, **constants: object) -> Variant:
    usual: dict[str, object] = {"FUNCTION": name, "SIGN": 1, "BLOCK": 1024}
    constants = usual | (constants or _FLAT)
    return Variant(name, _POINTERS | _SIZES | types, constants, multiples=("count",))


KERNEL = Kernel(
    integer_elementwise,
    (
        _variant("quantize", {"a": "*fp32", "mantissa": "*fp32"}),
        _variant("scale_and_shift"),
        _variant("divide"),
        _variant("glu_polynomial", AXES=3, a2=1, b2=1),
        _variant("ones", FUNCTION="add", count=1, **_FLAT),
    ),
)
