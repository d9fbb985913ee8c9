"""Multiplies two tensors of int8 codes, batch by batch, each line with a scale of its own."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def _lines(x, batch, i, count, columns, BLOCK: tl.constexpr):
    """Where the first codes of lines i of a batch lie [lines, BLOCK]."""
    line = batch.to(tl.int64) * count + tl.where(i < count, i, 0)
    return x + line[:, None] * columns + tl.arange(0, BLOCK)[None, :]


@triton.jit
def _corrected(
    part, x_sums, y_sums, x_offset, y_offset, r, c, K,
    LEFT: tl.constexpr, RIGHT: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """Sums of products of codes, with what an offset of one or both adds, as SUM."""
    part = part.to(SUM)
    if LEFT:
        own = tl.load(x_offset).to(SUM)
        part = part + (own * tl.load(y_sums + c).to(SUM))[None, :]
        if RIGHT:
            part = part - own * tl.load(y_offset).to(SUM) * K
    if RIGHT:
        part = part + (tl.load(y_offset).to(SUM) * tl.load(x_sums + r).to(SUM))[:, None]
    return part


@triton.jit
def matmul_int8(
    x, x_scales, x_sums, x_offset, y, y_scales, y_sums, y_offset, z, R, C, K, columns,
    LEFT: tl.constexpr, RIGHT: tl.constexpr, WIDE: tl.constexpr,
    BR: tl.constexpr, BC: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """Codes x i8 [B, R, columns], y i8 [B, C, columns] → z [B, R, C] = f32(Σ q_x · q_y) · (s · s).

    Scales f32 and sums i32 are those of lines, as `round_rows` makes them; LEFT, RIGHT: as
    `fix_rows` does, with an offset. WIDE: sums may leave 32 bits. Program (i, j) computes BR rows
    of a batch and BC columns.
    """
    tiles = tl.cdiv(R, BR)
    batch = tl.program_id(0) // tiles
    r = tl.program_id(0) % tiles * BR + tl.arange(0, BR)
    c = tl.program_id(1) * BC + tl.arange(0, BC)
    left = _lines(x, batch, r, R, columns, BK)
    right = _lines(y, batch, c, C, columns, BK)
    SUM: tl.constexpr = tl.int64 if WIDE else tl.int32
    total = tl.zeros((BR, BC), SUM)
    part = tl.zeros((BR, BC), tl.int32)
    for k in range(0, columns, BK):
        part = tl.dot(tl.load(left + k), tl.trans(tl.load(right + k)), part, out_dtype=tl.int32)
        if WIDE:
            # 2^15 products of 2^14 at most
            if (k + BK) % 32768 == 0:
                total += part.to(SUM)
                part = tl.zeros((BR, BC), tl.int32)
    first_r, first_c = batch.to(tl.int64) * R, batch.to(tl.int64) * C
    r_line, c_line = first_r + tl.where(r < R, r, 0), first_c + tl.where(c < C, c, 0)
    total += _corrected(
        part, x_sums, y_sums, x_offset, y_offset, r_line, c_line, K, LEFT, RIGHT, SUM
    )
    scale = tl.load(x_scales + r_line)[:, None] * tl.load(y_scales + c_line)[None, :]
    to = z + (first_r + r)[:, None] * C + c[None, :]
    value = total.to(tl.float32) * scale
    tl.store(to, value.to(z.dtype.element_ty), mask=(r < R)[:, None] & (c < C)[None, :])


_TYPES = {f"{side}{part}": type for side in "xy" for part, type in (
    ("", "*i8"), ("_scales", "*fp32"), ("_sums", "*i32"), ("_offset", "*i32")
)}  # fmt: skip
_TYPES |= {"z": "*fp32", "R": "i32", "C": "i32", "K": "i32", "columns": "i32"}


def _variant(name: str, shifted: bool, wide: bool, **ones: int) -> Variant:
    constants = {
        "LEFT": shifted, "RIGHT": shifted, "WIDE": wide, "BR": 64, "BC": 64, "BK": 64, **ones,
    }  # fmt: skip
    return Variant(name, _TYPES, constants, 4, 3, "int8", ("C", "columns"))


KERNEL = Kernel(
    matmul_int8,
    (
        _variant("plain", False, False),
        _variant("offset", True, False),
        _variant("wide", True, True),
        _variant("ones", False, False, R=1, C=1, K=1),
    ),
)
