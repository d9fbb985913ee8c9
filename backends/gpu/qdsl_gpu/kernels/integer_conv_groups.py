"""Convolves codes in groups, depthwise ones above all: each output its own sum of integers."""

import triton
import triton.language as tl

from qdsl_gpu.decode import code_at, row_offsets
from qdsl_gpu.integer.rounding import narrow, shifted, wide
from qdsl_gpu.integer.sums import bias_of, multiplier_of
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def integer_conv_groups(
    x, words, zeros, bias, mantissa, shift, y,
    positions, height, width, channels, out_height, out_width, outputs, K, per_input, per_output,
    rows, steps, group, span, per_row, stride_h, stride_w, pad_h, pad_w, gap_h, gap_w, kernel_w,
    BITS: tl.constexpr, SPARSE: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr,
    ZERO: tl.constexpr, BP: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """x i16 [B, height, width, channels] → y i16 [positions, outputs], positions [B, out …].

    An output reads `per_input` channels of each tap; `per_output` outputs share them. Program
    (i, j) computes BP positions of BN outputs; groups of the weight are `group` columns, `span`
    apart, and each has its multiplier in mantissa [outputs, per_row].
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    inside, known = p < positions, n < outputs
    w0 = p % out_width * stride_w - pad_w
    h0 = p // out_width % out_height * stride_h - pad_h
    image = (p // out_width // out_height).to(tl.int64) * height
    channel = n // per_output * per_input
    offsets = row_offsets(tl.where(known, n, 0), steps, UNITS)
    total = tl.zeros((BP, BN), tl.int64)
    part = tl.zeros((BP, BN), tl.int32)
    for k in range(K):
        tap = k // per_input
        h, w = h0 + tap // kernel_w * gap_h, w0 + tap % kernel_w * gap_w
        there = inside & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        at = ((image + h) * width + w) * channels
        code = tl.load(
            x + at[:, None] + channel[None, :] + k % per_input,
            mask=there[:, None] & known[None, :], other=0,
        )  # fmt: skip
        g = k // group
        centre = n * 0 + CENTRE
        if ZERO == 1:
            centre = tl.load(zeros + g * rows + n, mask=known, other=0).to(tl.int32)
        u = code_at(words, offsets, g * span + k % group, BITS, SPARSE)
        weight = u * MULTIPLE - centre
        part += narrow(code) * weight[None, :]
        if ((k + 1) % group == 0) | (k + 1 == K):
            by = multiplier_of(mantissa, n, known, g, per_row)
            total += part.to(tl.int64) * by[None, :]
            part = tl.zeros((BP, BN), tl.int32)
    total += bias_of(bias, mantissa, n, known, per_row)[None, :]
    by = tl.load(shift + n, mask=known, other=0).to(tl.int64)
    to = y + p.to(tl.int64)[:, None] * outputs + n[None, :]
    tl.store(to, wide(shifted(total, by[None, :])), mask=inside[:, None] & known[None, :])


_POINTERS = {"x": "*i16", "words": "*i32", "zeros": "*u8", "bias": "*i32", "mantissa": "*i32"}
_POINTERS |= {"shift": "*i32", "y": "*i16"}
_SIZES = """positions height width channels out_height out_width outputs K per_input per_output
    rows steps group span per_row stride_h stride_w pad_h pad_w gap_h gap_w kernel_w""".split()


def _variant(name: str, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": 8, "SPARSE": False, "MULTIPLE": 1, "CENTRE": 128, "ZERO": 0, "BP": 16, "BN": 64,
        # of depthwise ones
        "per_input": 1, "per_output": 1,
    }  # fmt: skip
    types = _POINTERS | dict.fromkeys(_SIZES, "i32")
    return Variant(name, types, usual | other, multiples=("channels", "outputs", "rows"))


KERNEL = Kernel(
    integer_conv_groups,
    (
        _variant("w4_zero", BITS=4, ZERO=1),
        _variant("ones", **dict.fromkeys(_SIZES, 1)),
    ),
)
