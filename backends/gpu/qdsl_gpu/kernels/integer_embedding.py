"""Reads rows of a packed table as int16 codes of the result."""

import triton
import triton.language as tl

from qdsl_gpu.decode import code_at, row_offsets
from qdsl_gpu.integer.rounding import MASKED, scaled, wide
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def integer_embedding(
    ids, words, zeros, mantissa, shift, y, N, K, rows, steps, group, span, per_row,
    BITS: tl.constexpr, SPARSE: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr,
    ZERO: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y i16 [ids, K]; mantissa [N, per_row], shift [N]. Ids below 0 count from the end.

    An id that is no row gives a row of -32768.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    r = tl.program_id(0).to(tl.int64)
    n = tl.load(ids + r).to(tl.int64)
    n = tl.where(n < 0, n + N, n)
    known = (n >= 0) & (n < N)
    n = tl.where(known, n, 0).to(tl.int32)
    k = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = k < K
    g = tl.where(inside, k // group, 0)
    place = tl.where(inside, g * span + k % group, 0)
    u = code_at(words, row_offsets(n, steps, UNITS), place, BITS, SPARSE)
    centre = tl.load(zeros + g * rows + n).to(tl.int32) if ZERO == 1 else CENTRE
    by = tl.load(mantissa + n * per_row + g).to(tl.int64)
    value = scaled((u * MULTIPLE - centre).to(tl.int64), by, tl.load(shift + n).to(tl.int64))
    tl.store(y + r * K + k, tl.where(known, wide(value), MASKED).to(tl.int16), mask=inside)


_TYPES = {"ids": "*i64", "words": "*i32", "zeros": "*u8", "mantissa": "*i32", "shift": "*i32"}
_TYPES |= {"y": "*i16", **dict.fromkeys("N K rows steps group span per_row".split(), "i32")}


def _variant(name: str, bits: int, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": bits, "SPARSE": False, "MULTIPLE": 1, "CENTRE": 1 << (bits - 1),
        "ZERO": 0, "BLOCK": 256,
    }  # fmt: skip
    return Variant(name, _TYPES, usual | other, multiples=("rows",))


KERNEL = Kernel(
    integer_embedding,
    (
        _variant("w4_zero", 4, ZERO=1),
        _variant("ones", 8, N=1, K=1, steps=1, group=1, span=1, per_row=1),
    ),
)
