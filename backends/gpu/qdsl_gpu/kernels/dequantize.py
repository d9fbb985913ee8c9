"""Writes rows of packed weights as f32: all of them, or those of ids."""

import triton
import triton.language as tl

from qdsl_gpu.decode import code_at, row_offsets
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def dequantize(
    ids, words, scales, zeros, table, y, N, K, rows, steps, group, span,
    BITS: tl.constexpr, SPARSE: tl.constexpr,
    MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, FACTOR: tl.constexpr,
    ZERO: tl.constexpr, TABLE: tl.constexpr, IDS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """y f32 [rows of ids, or N, K]: s · (q - z) or s · q - zs, each step rounded.

    Groups of `group` columns begin `span` apart. An id that is no row gives a row of NaN.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    r = tl.program_id(0)
    n = tl.load(ids + r).to(tl.int64) if IDS else r.to(tl.int64)
    known = (n >= 0) & (n < N)
    n = tl.where(known, n, 0).to(tl.int32)
    k = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = k < K
    g = k // group
    place = tl.where(inside, g * span + k % group, 0)
    u = code_at(words, row_offsets(n, steps, UNITS), place, BITS, SPARSE)
    at = tl.where(inside, g, 0) * rows + n
    if TABLE:
        value = tl.load(table + u)
    else:
        centre = tl.load(zeros + at).to(tl.int32) if ZERO == 1 else CENTRE
        value = (u * MULTIPLE - centre).to(tl.float32)
        if FACTOR != 1:
            value = value * FACTOR
    value = value * tl.load(scales + at).to(tl.float32)
    if ZERO == 2:
        value = value - tl.load(zeros + at).to(tl.float32)
    value = tl.where(known, value, float("nan"))
    tl.store(y + r.to(tl.int64) * K + k, value, mask=inside)


_POINTERS = {"words": "*i32", "scales": "*fp16", "zeros": "*u8", "table": "*fp32", "y": "*fp32"}
_SIZES = dict.fromkeys(("N", "K", "rows", "steps", "group", "span"), "i32")


def _variant(name: str, bits: int, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": bits, "SPARSE": False,
        "MULTIPLE": 1, "CENTRE": 1 << (bits - 1), "FACTOR": 1.0, "ZERO": 0,
        "TABLE": False, "IDS": False, "BLOCK": 256,
    }  # fmt: skip
    types = {"ids": "*i64", **_POINTERS, **_SIZES}
    return Variant(name, types, usual | other, multiples=("rows",))


KERNEL = Kernel(
    dequantize,
    (
        _variant("w4", 4),
        _variant("w4_ids", 4, IDS=True),
        _variant("ones", 4, N=1, K=1, steps=1, group=1, span=1, IDS=True),
        _variant("w3", 3),
        _variant("sparse", 4, SPARSE=True),
        _variant("nf4", 4, TABLE=True),
    ),
)
