"""Makes int8 codes of rows of int16 ones, or of the patches of a convolution, for products."""

import triton
import triton.language as tl

from qdsl_gpu.integer.rounding import narrow
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.places import column_of


@triton.jit
def integer_rows(
    x, codes, sums, M, K, stride, columns, group, span, per_group,
    height, width, channels, out_height, out_width, stride_h, stride_w, pad_h, pad_w,
    gap_h, gap_w, kernel_w,
    PATCHES: tl.constexpr, COPIES: tl.constexpr, SPARSE: tl.constexpr, LINES: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """x i16 [M, K] → codes i8 [COPIES, M, columns], sums i32 [M, groups].

    PATCHES: x is [B, height, width, channels], and rows are what its positions [B, out …] read. A
    group has `per_group` columns, a line; with two COPIES, where that is 32, each holds every other
    group. Program i writes LINES of all rows, BLOCK columns at a time.
    """
    count = columns // per_group
    line = tl.program_id(0) * LINES + tl.arange(0, LINES)
    valid = (line < M * count)[:, None]
    p, g = (line // count)[:, None], (line % count)[:, None]
    m = p.to(tl.int64)
    begin = m * stride
    h0, w0 = p, p
    if PATCHES:
        h0 = p // out_width % out_height * stride_h - pad_h
        w0 = p % out_width * stride_w - pad_w
        begin = (p // out_width // out_height).to(tl.int64) * height
    total = tl.zeros((LINES, BLOCK), tl.int32)
    for start in range(0, per_group, BLOCK):
        i = start + tl.arange(0, BLOCK)[None, :]
        # places of a group of 32 are every other one of 64
        at = g // 2 * 64 + 2 * i + g % 2 if COPIES == 2 else g * per_group + i
        k = column_of(at, group, span, K, SPARSE)
        there = valid & (k >= 0)
        if PATCHES:
            tap = k // channels
            h, w = h0 + tap // kernel_w * gap_h, w0 + tap % kernel_w * gap_w
            there = there & (h >= 0) & (h < height) & (w >= 0) & (w < width)
            place = ((begin + h) * width + w) * channels + k % channels
        else:
            place = begin + k
        code = narrow(tl.load(x + place, mask=there, other=0))
        total += code
        to = codes + m * columns + at
        if COPIES == 2:
            even = tl.where(g % 2 == 0, code, 0)
            tl.store(to, even.to(tl.int8), mask=valid)
            tl.store(to + (m * 0 + M) * columns, (code - even).to(tl.int8), mask=valid)
        else:
            tl.store(to, code.to(tl.int8), mask=valid)
    tl.store(sums + line, tl.sum(total, 1), mask=line < M * count)


_SIZES = """M K stride columns group span per_group height width channels out_height out_width
    stride_h stride_w pad_h pad_w gap_h gap_w kernel_w""".split()
_TYPES = {"x": "*i16", "codes": "*i8", "sums": "*i32", **dict.fromkeys(_SIZES, "i32")}
_MULTIPLES = ("K", "stride", "columns", "group", "span", "per_group", "channels")
_PLAIN = dict.fromkeys(_SIZES[7:], 1)


def _variant(name: str, lines: int, block: int, copies: int = 1, **other: object) -> Variant:
    usual: dict[str, object] = {
        "PATCHES": False, "COPIES": copies, "SPARSE": False, "LINES": lines, "BLOCK": block,
    }  # fmt: skip
    return Variant(name, _TYPES, usual | other, multiples=_MULTIPLES)


KERNEL = Kernel(
    integer_rows,
    (
        _variant("row", 1, 1024, **_PLAIN),
        _variant("group32", 32, 32, 2, **_PLAIN),
        _variant("ones", 16, 64, **{**dict.fromkeys(_SIZES, 1), "columns": 64, "per_group": 64}),
        _variant("patches", 1, 1024, PATCHES=True),
    ),
)
