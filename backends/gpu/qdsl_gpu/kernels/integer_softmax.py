"""Computes softmax over rows of codes: differences from the largest, numerators, their shares."""

import triton
import triton.language as tl

from qdsl_gpu.integer.functions import between, decay, fixed_point
from qdsl_gpu.integer.rounding import MASKED, ONE, divided, number
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def _numerators(q, top, table, mantissa, shift, POLYNOMIAL: tl.constexpr):
    """Of codes i32 [rows, n], at most 2^20, in i64; 0 of what is masked."""
    above = tl.maximum(top[:, None] - q, 0)
    if POLYNOMIAL:
        value = decay(fixed_point(above.to(tl.int64), number(mantissa), number(shift)))
    else:
        value = between(above, table, 0).to(tl.int64)
    return tl.where(q == MASKED, 0, value)


@triton.jit
def integer_softmax(
    x, table, mantissa, shift, y, rows, n,
    POLYNOMIAL: tl.constexpr, WHOLE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """x → y i16 [rows, n] at scale 1/127. Program i has ROWS rows; WHOLE: n ≤ BLOCK."""
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, BLOCK)
    begin, valid = row.to(tl.int64)[:, None] * n, (row < rows)[:, None]
    if WHOLE:
        at, inside = begin + column[None, :], valid & (column < n)[None, :]
        q = tl.load(x + at, mask=inside, other=-32768).to(tl.int32)
        shares = _numerators(q, tl.max(q, 1), table, mantissa, shift, POLYNOMIAL)
        total = tl.maximum(tl.sum(shares, 1), 1)
        tl.store(y + at, divided(shares * ONE, total[:, None]).to(tl.int16), mask=inside)
    else:
        top = tl.full((ROWS, BLOCK), -32768, tl.int32)
        for start in range(0, n, BLOCK):
            inside = valid & (start + column < n)[None, :]
            at = begin + start + column[None, :]
            top = tl.maximum(top, tl.load(x + at, mask=inside, other=-32768).to(tl.int32))
        most = tl.max(top, 1)
        total = tl.zeros((ROWS, BLOCK), tl.int64)
        for start in range(0, n, BLOCK):
            inside = valid & (start + column < n)[None, :]
            at = begin + start + column[None, :]
            q = tl.load(x + at, mask=inside, other=-32768).to(tl.int32)
            total += _numerators(q, most, table, mantissa, shift, POLYNOMIAL)
        by = tl.maximum(tl.sum(total, 1), 1)[:, None]
        for start in range(0, n, BLOCK):
            inside = valid & (start + column < n)[None, :]
            at = begin + start + column[None, :]
            q = tl.load(x + at, mask=inside, other=-32768).to(tl.int32)
            shares = _numerators(q, most, table, mantissa, shift, POLYNOMIAL)
            tl.store(y + at, divided(shares * ONE, by).to(tl.int16), mask=inside)


_TYPES = {"x": "*i16", "table": "*u8", "mantissa": "*i32", "shift": "*i32", "y": "*i16"}
_TYPES |= {"rows": "i32", "n": "i32"}


def _variant(name: str, polynomial: bool, many: int, block: int, **other: object) -> Variant:
    tile = {"POLYNOMIAL": polynomial, "WHOLE": True, "ROWS": many, "BLOCK": block}
    return Variant(name, _TYPES, tile | other, 8 if block > 1024 else 4, multiples=("n",))


KERNEL = Kernel(
    integer_softmax,
    (
        _variant("table", False, 1, 1024),
        _variant("ones", True, 64, 16, rows=1, n=1),
        _variant("long_polynomial", True, 1, 2048, WHOLE=False),
    ),
)
