"""Rounds rows of floats to int8: each with its own scale, or with one that is given."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.places import column_of

_WIDE = tl.constexpr(1024)
_RINT = tl.constexpr(12582912.0)  # 1.5 · 2^23: its last bit is that of 1


@triton.jit
def round_rows(
    x, largest, codes, scales, sums, M, K, stride, columns, group, span, per_group, own,
    GIVEN: tl.constexpr, COPIES: tl.constexpr, SPARSE: tl.constexpr, LINES: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """x [M, K] → codes i8 [COPIES, M, columns], scales f32 [M], sums i32 [M, groups].

    a = max|x| of the row, or largest [M] where GIVEN; s = a / 127, q = round(x · (127 / a)). Where
    a is 0 or 127 / a overflows the codes are 0; where a is not finite they are 0 and s is NaN.
    A group has `per_group` columns; with two COPIES, where that is 32, each holds every other one.
    Program (m, j) finds a of row m and rounds `own` groups, the j-th so many, LINES at a time.
    """
    m = tl.program_id(0).to(tl.int64)
    top = 0.0
    if GIVEN:
        top = tl.load(largest + m)
    else:
        highest = tl.zeros((_WIDE,), tl.float32)
        bad = tl.zeros((_WIDE,), tl.int32)
        for start in range(0, K, _WIDE):
            k = start + tl.arange(0, _WIDE)
            value = tl.abs(tl.load(x + m * stride + k, mask=k < K, other=0.0).to(tl.float32))
            bad = bad | (value != value).to(tl.int32)
            highest = tl.maximum(highest, value)
        top = tl.max(highest, 0)
        top = tl.where(tl.max(bad, 0) != 0, float("nan"), top)
    multiplier = tl.div_rn(127.0, top)
    finite = tl.abs(top) < float("inf")
    multiplier = tl.where(finite & (multiplier < float("inf")), multiplier, 0.0)
    scale = tl.where(finite, tl.div_rn(top, 127.0), float("nan"))
    tl.store(scales + m, scale, mask=tl.program_id(1) == 0)
    groups = columns // per_group
    begin = tl.program_id(1) * own
    for first in range(begin, min(begin + own, groups), LINES):
        g = first + tl.arange(0, LINES)[:, None]
        valid = g < groups
        total = tl.zeros((LINES, BLOCK), tl.int32)
        for start in range(0, per_group, BLOCK):
            i = start + tl.arange(0, BLOCK)[None, :]
            # places of a group of 32 are every other one of 64
            at = g // 2 * 64 + 2 * i + g % 2 if COPIES == 2 else g * per_group + i
            k = column_of(at, group, span, K, SPARSE)
            value = tl.load(x + m * stride + k, mask=valid & (k >= 0), other=0.0).to(tl.float32)
            value = tl.where(finite, value * multiplier, 0.0)
            code = ((value + _RINT) - _RINT).to(tl.int32)
            total += code
            to = codes + m * columns + at
            if COPIES == 2:
                even = tl.where(g % 2 == 0, code, 0)
                tl.store(to, even.to(tl.int8), mask=valid)
                odd = to + tl.cast(M, tl.int64) * columns
                tl.store(odd, (code - even).to(tl.int8), mask=valid)
            else:
                tl.store(to, code.to(tl.int8), mask=valid)
        line = first + tl.arange(0, LINES)
        tl.store(sums + m * groups + line, tl.sum(total, 1), mask=line < groups)


_POINTERS = {"x": "*fp32", "largest": "*fp32", "codes": "*i8", "scales": "*fp32", "sums": "*i32"}
_SIZES = dict.fromkeys(("M", "K", "stride", "columns", "group", "span", "per_group", "own"), "i32")
_MULTIPLES = ("K", "stride", "columns", "group", "span", "per_group")


def _variant(name: str, **constants: object) -> Variant:
    constants = {"SPARSE": False, **constants}
    return Variant(name, _POINTERS | _SIZES, constants, multiples=_MULTIPLES)


_ONES = dict.fromkeys(("M", "K", "stride", "group", "own"), 1)

KERNEL = Kernel(
    round_rows,
    (
        _variant("row", GIVEN=False, COPIES=1, LINES=1, BLOCK=1024, own=1),
        _variant("group128", GIVEN=False, COPIES=1, LINES=8, BLOCK=128),
        _variant("group32", GIVEN=False, COPIES=2, LINES=32, BLOCK=32),
        _variant("ones", GIVEN=False, COPIES=1, LINES=16, BLOCK=64, **_ONES),
        _variant("sparse", GIVEN=False, COPIES=1, SPARSE=True, LINES=8, BLOCK=128),
        _variant("given", GIVEN=True, COPIES=1, LINES=1, BLOCK=1024, own=1),
    ),
)
