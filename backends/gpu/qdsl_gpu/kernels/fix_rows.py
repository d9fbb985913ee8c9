"""Rounds rows of floats to the codes of a static range, as int8."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.places import column_of
from qdsl_gpu.rounding import clamped, rounded


@triton.jit
def fix_rows(
    x, scale, zero, codes, scales, sums, offset, M, K, stride, columns, group, span, per_group,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, SHIFTED: tl.constexpr,
    ORIGIN: tl.constexpr, COPIES: tl.constexpr, SPARSE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """x [M, K] → codes i8 [COPIES, M, columns], scales f32 [M], sums i32 [M, groups].

    q = clamp(round(x / s + z), LOW, HIGH). Codes are q - z; where SHIFTED q - ORIGIN, and offset
    i32 [1] is ORIGIN - z. Sums are of q - z. The scale of a row with a NaN is NaN. COPIES and
    `per_group` are those of `round_rows`.
    """
    m = tl.program_id(0).to(tl.int64)
    s = tl.load(scale)
    z = tl.load(zero) if ZERO else s * 0
    off = z + ORIGIN * 0
    more = tl.zeros((1,), tl.int32)
    if SHIFTED:
        off = z * 0 + ORIGIN
        more += (off - z).to(tl.int32)
        tl.store(offset + tl.arange(0, 1), more, mask=m == 0)
    bad = tl.zeros((BLOCK,), tl.int32)
    for g in range(columns // per_group):
        total = tl.zeros((BLOCK,), tl.int32)
        for start in range(0, per_group, BLOCK):
            at = g * per_group + start + tl.arange(0, BLOCK)
            if COPIES == 2:
                # places of a group of 32 are every other one of 64
                at = g // 2 * 64 + 2 * (start + tl.arange(0, BLOCK)) + g % 2
            k = column_of(at, group, span, K, SPARSE)
            value = tl.load(x + m * stride + k, mask=k >= 0, other=0.0).to(tl.float32)
            place = tl.div_rn(value, s)
            if ZERO:
                place = place + z
            is_number = place == place
            bad = bad | ((k >= 0) & (is_number == 0)).to(tl.int32)
            found = rounded(clamped(tl.where(is_number, place, 0.0), LOW, HIGH)) - off
            code = tl.where(k >= 0, found, 0.0).to(tl.int32)
            total += tl.where(k >= 0, code + more, 0)
            to = codes + m * columns + at
            if COPIES == 2:
                even = tl.where(g % 2 == 0, code, 0)
                tl.store(to, even.to(tl.int8))
                tl.store(to + tl.cast(M, tl.int64) * columns, (code - even).to(tl.int8))
            else:
                tl.store(to, code.to(tl.int8))
        tl.store(sums + m * (columns // per_group) + g, tl.sum(total, 0))
    tl.store(scales + m, tl.where(tl.max(bad, 0) != 0, float("nan"), s))


_POINTERS = dict.fromkeys(("x", "scale", "zero", "scales"), "*fp32")
_POINTERS |= {"codes": "*i8", "sums": "*i32", "offset": "*i32"}
_SIZES = dict.fromkeys(("M", "K", "stride", "columns", "group", "span", "per_group"), "i32")
_MULTIPLES = ("K", "stride", "columns", "group", "span", "per_group")


def _variant(name: str, zero: bool, low: int, high: int, **other: object) -> Variant:
    shifted = zero and high - low > 127
    usual: dict[str, object] = {
        "ZERO": zero, "LOW": low, "HIGH": high, "SHIFTED": shifted, "ORIGIN": low + 128,
        "COPIES": 1, "SPARSE": False, "BLOCK": 1024,
    }  # fmt: skip
    return Variant(name, _POINTERS | _SIZES, usual | other, multiples=_MULTIPLES)


KERNEL = Kernel(
    fix_rows,
    (
        _variant("row", False, -127, 127),
        _variant("row_shifted", True, 0, 255),
        _variant("group32", True, 0, 15, COPIES=2, BLOCK=32),
        _variant("ones", True, 0, 255, BLOCK=64, M=1, K=1, stride=1, group=1),
    ),
)
