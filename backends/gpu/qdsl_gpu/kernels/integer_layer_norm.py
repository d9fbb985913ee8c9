"""Normalises rows of codes with exact integer sums and an integer square root."""

import triton
import triton.language as tl

from qdsl_gpu.integer.rounding import scaled, settled, square_root, wide
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def _normed(q, n, total, root, mantissa, shift, offset, column, inside):
    """int16 codes of q i64 [rows, columns]: z · gain + offset."""
    top = (q * n - total[:, None]) << 16
    # quotients are below 2^25: more than an f32 would find to within one
    near = top.to(tl.float64) * (1.0 / root.to(tl.float64))[:, None]
    z = settled(top, near.to(tl.int64), root[:, None])
    m = tl.load(mantissa + column, mask=inside, other=0).to(tl.int64)
    e = tl.load(shift + column, mask=inside, other=0).to(tl.int64)
    add = tl.load(offset + column, mask=inside, other=0).to(tl.int64)
    return wide(scaled(z, m[None, :], e[None, :]) + add[None, :])


@triton.jit
def _root(total, squares, n, epsilon):
    """At least 1, i64 [rows]."""
    return tl.maximum(square_root(squares * n - total * total + tl.load(epsilon)), 1)


@triton.jit
def integer_layer_norm(
    x, mantissa, shift, offset, epsilon, y, rows, n,
    WHOLE: tl.constexpr, ROWS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """x → y i16 [rows, n], n ≤ 2^16. Program i has ROWS rows; WHOLE: n ≤ BLOCK.

    z = (n·q - Σq)·2^16 / sqrt(n·Σq² - (Σq)² + ε), the root rounded down.
    """
    row = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    column = tl.arange(0, BLOCK)
    begin, valid = row.to(tl.int64)[:, None] * n, (row < rows)[:, None]
    if WHOLE:
        at, inside = begin + column[None, :], column < n
        mask = valid & inside[None, :]
        q = tl.load(x + at, mask=mask, other=0).to(tl.int64)
        total = tl.sum(q, 1)
        root = _root(total, tl.sum(q * q, 1), n, epsilon)
        found = _normed(q, n, total, root, mantissa, shift, offset, column, inside)
        tl.store(y + at, found, mask=mask)
    else:
        sums = tl.zeros((ROWS, BLOCK), tl.int64)
        squares = tl.zeros((ROWS, BLOCK), tl.int64)
        for start in range(0, n, BLOCK):
            mask = valid & (start + column < n)[None, :]
            q = tl.load(x + begin + start + column[None, :], mask=mask, other=0).to(tl.int64)
            sums += q
            squares += q * q
        total = tl.sum(sums, 1)
        root = _root(total, tl.sum(squares, 1), n, epsilon)
        for start in range(0, n, BLOCK):
            inside = start + column < n
            mask = valid & inside[None, :]
            at = begin + start + column[None, :]
            q = tl.load(x + at, mask=mask, other=0).to(tl.int64)
            place = start + column
            found = _normed(q, n, total, root, mantissa, shift, offset, place, inside)
            tl.store(y + at, found, mask=mask)


_TYPES = {"x": "*i16", "mantissa": "*i32", "shift": "*i32", "offset": "*i32", "epsilon": "*i64"}
_TYPES |= {"y": "*i16", "rows": "i32", "n": "i32"}


def _variant(name: str, many: int, block: int, **other: object) -> Variant:
    tile = {"WHOLE": True, "ROWS": many, "BLOCK": block}
    return Variant(name, _TYPES, tile | other, 8 if block > 1024 else 4, multiples=("n",))


KERNEL = Kernel(
    integer_layer_norm,
    (
        _variant("row", 1, 1024),
        _variant("ones", 64, 16, rows=1, n=1),
        _variant("long", 1, 2048, WHOLE=False),
    ),
)
