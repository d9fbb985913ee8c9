"""Convolves in groups, depthwise ones above all, with packed weights: each output its own sum."""

import triton
import triton.language as tl

from qdsl_gpu.decode import code_at, row_offsets
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.rounding import clamped, rounded


@triton.jit
def _rounded(value, multiplier, zero, WORD: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr):
    """x [positions, outputs] as it is multiplied: int32 codes, or floats."""
    if WORD == "dynamic":
        value = (value * multiplier[:, None] + 12582912.0) - 12582912.0  # to nearest even
        value = tl.where(multiplier[:, None] > 0, value, 0.0).to(tl.int32)
    if WORD == "range":
        place = tl.div_rn(value, multiplier[:, None]) + zero
        place = rounded(clamped(tl.where(place == place, place, 0.0), LOW, HIGH))
        value = (place - zero).to(tl.int32)
    if WORD == "bf16":
        value = value.to(tl.bfloat16).to(tl.float32)
    return value


@triton.jit
def _scales(multipliers, step, shift, p, inside, WORD: tl.constexpr, SHIFT: tl.constexpr):
    """What values of positions are multiplied or, in a range, divided by; and the zero."""
    multiplier = p.to(tl.float32)
    if WORD == "dynamic":
        multiplier = tl.load(multipliers + p, mask=inside, other=0.0)
    if WORD == "range":
        multiplier = tl.load(step + p * 0)
    zero = tl.load(shift) if SHIFT else 0.0
    return multiplier, zero


@triton.jit
def _spoilt(total, value, WORD: tl.constexpr):
    """Totals, NaN where they read one: a code is none."""
    if WORD == "range":
        total = tl.where(value == value, total, float("nan"))
    return total


@triton.jit
def _scaled(total, multiplier, step, p, inside, WORD: tl.constexpr):
    if WORD == "range":
        total = total * multiplier[:, None]
    if WORD == "dynamic":
        total = total * tl.load(step + p, mask=inside, other=0.0)[:, None]
    return total


@triton.jit
def _weight(
    u, zeros, table, n, known,
    MULTIPLE: tl.constexpr, CENTRE: tl.constexpr, ZERO: tl.constexpr, TABLE: tl.constexpr,
    SUM: tl.constexpr,
):  # fmt: skip
    """What codes u [outputs] stand for, without their scale, as SUM."""
    if TABLE:
        value = tl.load(table + u)
    elif ZERO == 1:
        centre = tl.load(zeros + n, mask=known, other=0).to(tl.int32)
        value = (u * MULTIPLE - centre).to(SUM)
    else:
        value = (u * MULTIPLE - CENTRE).to(SUM)
    return value


@triton.jit
def conv_groups(
    x, multipliers, step, shift, words, scales, zeros, table, bias, y,
    positions, height, width, channels, out_height, out_width, outputs, K, per_input, per_output,
    rows, steps, group, span, stride_h, stride_w, pad_h, pad_w, gap_h, gap_w, kernel_w,
    BITS: tl.constexpr, SPARSE: tl.constexpr, MULTIPLE: tl.constexpr, CENTRE: tl.constexpr,
    FACTOR: tl.constexpr, ZERO: tl.constexpr, TABLE: tl.constexpr,
    WORD: tl.constexpr, SHIFT: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
    WIDE: tl.constexpr, BIAS: tl.constexpr, BP: tl.constexpr, BN: tl.constexpr,
):  # fmt: skip
    """x f32 [B, height, width, channels] → y f32 [positions, outputs], positions [B, out …].

    An output of a group reads `per_input` channels of each tap; `per_output` outputs share them.
    WORD is f32, bf16, or how x is rounded: `dynamic` to x · multipliers of the position, and the
    sum is times its `step`; `range` to codes LOW to HIGH of the one `step` and, where SHIFT, the
    zero `shift`, less that. Program (i, j) computes BP positions of BN outputs; groups of the
    weight are `group` columns, `span` apart. WIDE: sums of integers are i64.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    p = tl.program_id(0) * BP + tl.arange(0, BP)
    n = tl.program_id(1) * BN + tl.arange(0, BN)
    inside, known = p < positions, n < outputs
    w0 = p % out_width * stride_w - pad_w
    h0 = p // out_width % out_height * stride_h - pad_h
    image = (p // (out_width * out_height)).to(tl.int64) * height
    channel = n // per_output * per_input
    offsets = row_offsets(tl.where(known, n, 0), steps, UNITS)
    multiplier, zero = _scales(multipliers, step, shift, p, inside, WORD, SHIFT)
    INTEGER: tl.constexpr = tl.int64 if WIDE else tl.int32
    SUM: tl.constexpr = INTEGER if WORD == "dynamic" or WORD == "range" else tl.float32
    total = tl.zeros((BP, BN), tl.float32)
    part = tl.zeros((BP, BN), SUM)
    own = tl.zeros((BP, BN), SUM)  # of x, for a float zero
    for k in range(K):
        tap = k // per_input
        h = h0 + tap // kernel_w * gap_h
        w = w0 + tap % kernel_w * gap_w
        there = inside & (h >= 0) & (h < height) & (w >= 0) & (w < width)
        at = ((image + h) * width + w) * channels
        value = tl.load(
            x + at[:, None] + channel[None, :] + k % per_input,
            mask=there[:, None] & known[None, :], other=0.0,
        )  # fmt: skip
        value = value.to(tl.float32)
        total = _spoilt(total, value, WORD)
        value = _rounded(value, multiplier, zero, WORD, LOW, HIGH)
        g = k // group
        u = code_at(words, offsets, g * span + k % group, BITS, SPARSE)
        weight = _weight(u, zeros + g * rows, table, n, known, MULTIPLE, CENTRE, ZERO, TABLE, SUM)
        part += value * weight[None, :]
        if ZERO == 2:
            own += value
        if ((k + 1) % group == 0) | (k + 1 == K):
            scale = tl.load(scales + g * rows + n, mask=known, other=0.0).to(tl.float32)
            term = (part.to(tl.float32) * FACTOR) * scale
            if ZERO == 2:
                zs = tl.load(zeros + g * rows + n, mask=known, other=0.0).to(tl.float32)
                term = term - own.to(tl.float32) * zs[None, :]
                own = tl.zeros((BP, BN), SUM)
            total += term
            part = tl.zeros((BP, BN), SUM)
    total = _scaled(total, multiplier, step, p, inside, WORD)
    if BIAS:
        total += tl.load(bias + n, mask=known, other=0.0)[None, :]
    to = y + p[:, None].to(tl.int64) * outputs + n[None, :]
    tl.store(to, total, mask=inside[:, None] & known[None, :])


_POINTERS = dict.fromkeys("x multipliers step shift table bias y".split(), "*fp32")
_POINTERS |= {"words": "*i32", "scales": "*fp16", "zeros": "*u8"}
_SIZES = """positions height width channels out_height out_width outputs K per_input per_output
    rows steps group span stride_h stride_w pad_h pad_w gap_h gap_w kernel_w""".split()


def _variant(name: str, word: str, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": 8, "SPARSE": False, "MULTIPLE": 1, "CENTRE": 128, "FACTOR": 1.0, "ZERO": 0,
        "TABLE": False, "WORD": word, "SHIFT": False, "LOW": 0, "HIGH": 0, "WIDE": False,
        "BIAS": True, "BP": 16, "BN": 64,
    }  # fmt: skip
    types = _POINTERS | dict.fromkeys(_SIZES, "i32")
    types |= {"zeros": "*fp16"} if other.get("ZERO") == 2 else {}
    # of depthwise ones
    usual |= {"per_input": 1, "per_output": 1}
    return Variant(name, types, usual | other, multiples=("channels", "outputs", "rows"))


KERNEL = Kernel(
    conv_groups,
    (
        _variant("w8_f32", "f32"),
        _variant("w8_int8", "dynamic"),
        _variant("w8_range", "range", SHIFT=True, HIGH=255),
        _variant("w8_wide", "range", SHIFT=True, HIGH=255, ZERO=1, WIDE=True),
        _variant("w4_float_zero", "f32", BITS=4, ZERO=2),
        _variant("sparse", "f32", BITS=4, SPARSE=True),
        _variant("ones", "dynamic", **dict.fromkeys(_SIZES, 1)),
    ),
)
