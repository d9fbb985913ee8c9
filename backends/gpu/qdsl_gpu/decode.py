"""Reads codes out of words inside kernels: what `qdsl_gpu.layout` describes.

No code is converted from an integer to a float: its bits are put under the exponent of 128 (bf16)
or 1024 (f16), two in a register, and what is too much is subtracted, which is exact.
"""

import triton
import triton.language as tl

from qdsl_gpu.quads import alternated, code_of_quad, decompressed


@triton.jit
def row_offsets(n, steps, UNITS: tl.constexpr):
    """Where the words of rows n begin."""
    return (n // 64) * (steps * (UNITS * 1024)) + (n % 64) * 16


@triton.jit
def load_unit(words, offsets, step, UNIT: tl.constexpr, UNITS: tl.constexpr):
    """Words i32 [rows, 16]."""
    at = offsets[:, None] + tl.arange(0, 16)[None, :] + (step * UNITS + UNIT) * 1024
    return tl.load(words + at, eviction_policy="evict_first")


@triton.jit
def load_step(words, offsets, step, BITS: tl.constexpr, SPARSE: tl.constexpr):
    """The words of a step as a tuple of units, from which planes are taken; 2:4 decompressed."""
    if BITS == 3 or SPARSE:
        first = load_unit(words, offsets, step, 0, 3)
        second = load_unit(words, offsets, step, 1, 3)
        third = load_unit(words, offsets, step, 2, 3)
        units = decompressed(first, second, third) if SPARSE else (first, second, third)
    else:
        units = (load_unit(words, offsets, step, 0, 1),)
    return units


@triton.jit
def pair_of(word, PLANE: tl.constexpr, PIECE: tl.constexpr):
    """The two fields of a plane in the halves of each word."""
    shift: tl.constexpr = PIECE * (PLANE // 2) + 8 * (PLANE % 2)
    mask: tl.constexpr = ((1 << PIECE) - 1) * 0x10001
    return (word >> shift) & mask


@triton.jit
def four_of(word, PLANES: tl.constexpr, PIECE: tl.constexpr):
    """The four fields of planes 2i and 2i + 1 in the bytes of each word; PLANES is i."""
    mask: tl.constexpr = ((1 << PIECE) - 1) * 0x01010101
    return (word >> (PIECE * PLANES)) & mask if PIECE < 8 else word


@triton.jit
def joined(low, high):
    """Columns [rows, 16] of low and high halves, in turn: [rows, 32]."""
    return tl.join(low, high).reshape(low.shape[0], 2 * low.shape[1])


@triton.jit
def halves_as(pair, TYPE: tl.constexpr):
    """The two halves of each word as floats of 16 bits [rows, 32]."""
    low = (pair & 0xFFFF).to(tl.int16).to(TYPE, bitcast=True)
    high = ((pair >> 16) & 0xFFFF).to(tl.int16).to(TYPE, bitcast=True)
    return joined(low, high)


@triton.jit
def numbers(pair):
    """The two halves of each word as i32 [rows, 32]."""
    return joined(pair & 0xFFFF, (pair >> 16) & 0xFFFF)


@triton.jit
def centred(
    pair, under, zero,
    BITS: tl.constexpr, CENTRE: tl.constexpr, ZERO: tl.constexpr, TYPE: tl.constexpr,
):  # fmt: skip
    """u - centre [rows, 32] in TYPE (bf16 or f16), exact; the centre is CENTRE or zero i32 [rows].

    CENTRE may be half an integer. Of 8 bits, pair holds u - 128 in two's complement. under i32
    [rows] is `exponent_of`: read from memory, mask and exponent are one instruction; known when
    compiled they are two, and the same for all rows it would send codes through shared memory.
    """
    exponent: tl.constexpr = 0x43004300 if TYPE == tl.bfloat16 else 0x64006400
    top: tl.constexpr = 128 if TYPE == tl.bfloat16 else 1024
    signed: tl.constexpr = BITS == 8 and TYPE == tl.bfloat16
    rest: tl.constexpr = -128 if signed else top
    if signed:
        # 128 + its low 7 bits, less 128 or, where the sign is set, 256
        value = halves_as((pair & 0x007F007F) | under[:, None], TYPE)
        value = value - halves_as((pair & 0x00800080) | under[:, None], TYPE)
        if ZERO == 1:
            value = value - (zero + rest).to(tl.float32).to(TYPE)[:, None]
        elif CENTRE == CENTRE // 1:
            if CENTRE + rest != 0:
                value = value - (CENTRE + rest)
        else:
            value = (value - rest) - CENTRE
    else:
        if BITS == 8:
            pair = pair ^ 0x00800080
        if ZERO == 1:
            # the zero is taken off as an integer, in both halves at once, and half of `top` added
            pair = pair + (exponent + (top // 2 - zero) * 0x10001)[:, None]
            value = halves_as(pair, TYPE) - (top + top // 2)
        elif CENTRE == CENTRE // 1:
            value = halves_as(pair | under[:, None], TYPE) - (CENTRE + top)
        else:
            value = (halves_as(pair | under[:, None], TYPE) - top) - CENTRE
    return value


@triton.jit
def signs(word, under, PLANE: tl.constexpr, TYPE: tl.constexpr):
    """-1 and +1 [rows, 32] in TYPE, of bits 0 and 1 of a plane: the bit becomes the sign."""
    shift: tl.constexpr = 15 - (PLANE // 2 + 8 * (PLANE % 2))
    return halves_as(((word << shift) & -0x7FFF8000) ^ under[:, None], TYPE)


def exponent_of(bits: int, is_bf16: bool) -> int:
    """What codes are put under: twice 128 (bf16) or 1024 (f16), of 1 bit twice -1; as i32."""
    if bits == 1:
        return (0xBF80 if is_bf16 else 0xBC00) * 0x10001 - (1 << 32)
    return (0x4300 if is_bf16 else 0x6400) * 0x10001


@triton.jit
def upper(value):
    """The upper 8 bits of the significand of f32, the rest cut off: a bf16 in f32."""
    return (value.to(tl.int32, bitcast=True) & -65536).to(tl.float32, bitcast=True)


@triton.jit
def bf16_part(value, PLANE: tl.constexpr):
    """The part of finite f32 that the bf16 number PLANE of three holds; they add up to it."""
    for _ in tl.static_range(PLANE):
        value = value - upper(value)
    bits = (value.to(tl.int32, bitcast=True) >> 16).to(tl.int16)
    return bits.to(tl.bfloat16, bitcast=True)


@triton.jit
def plane_of_weights(
    units, under, zero, table, PLANE: tl.constexpr,
    BITS: tl.constexpr, SPARSE: tl.constexpr, CENTRE: tl.constexpr, ZERO: tl.constexpr,
    TABLE: tl.constexpr, TYPE: tl.constexpr,
):  # fmt: skip
    """Plane PLANE of a step, whose units are those of `load_step`: numbers [n, 32]."""
    if BITS == 3:
        pair = pair_of(units[PLANE // 8], PLANE % 8, 2) | (pair_of(units[2], PLANE, 1) << 2)
    elif SPARSE:
        pair = pair_of(units[PLANE % 4], PLANE // 4, BITS)
    else:
        pair = pair_of(units[0], PLANE, BITS)
    if BITS == 1:
        value = signs(units[0], under, PLANE, TYPE)
    elif TABLE:
        value = tl.load(table + numbers(pair ^ 0x00800080 if BITS == 8 else pair))
    else:
        value = centred(pair, under, zero, BITS, CENTRE, ZERO, TYPE)
    return value


@triton.jit
def bytes_of(word):
    """The bytes of words i32 [n, 16] as i8 [n, 64]."""
    even = tl.join(word.to(tl.int8), (word >> 16).to(tl.int8))
    odd = tl.join((word >> 8).to(tl.int8), (word >> 24).to(tl.int8))
    return tl.join(even, odd).reshape(word.shape[0], 64)


@triton.jit
def bytes_of_weights(
    units, PAIR: tl.constexpr, BITS: tl.constexpr, SPARSE: tl.constexpr, nothing=None
):  # fmt: skip
    """Planes 2 · PAIR and 2 · PAIR + 1 of a step: u i8 [n, 64].

    nothing: zeros i32 [n] that were read from memory. If they are not joined to words, LLVM sees
    that the highest byte of some is a shift alone, and puts words together again from bytes, which
    is longer by up to a quarter.
    """
    if BITS == 3:
        four = four_of(units[PAIR // 4], PAIR % 4, 2) | (four_of(units[2], PAIR, 1) << 2)
    elif SPARSE:
        # planes of one word are of two groups, if those are of 128
        even, odd = units[PAIR % 2 * 2], units[PAIR % 2 * 2 + 1]
        four = four_of(alternated(even, odd, PAIR // 2 % 2), PAIR // 4, BITS)
    else:
        four = four_of(units[0], PAIR, BITS)
    if nothing is not None and BITS != 3 and BITS != 8:
        four = four | nothing[:, None]
    return bytes_of(four)


@triton.jit
def code_at(words, offsets, column, BITS: tl.constexpr, SPARSE: tl.constexpr):
    """u i32 at columns of a row, of 8 bits too; groups are padded."""
    return code_of_quad(words, offsets, column) if SPARSE else _code(words, offsets, column, BITS)


@triton.jit
def _code(words, offsets, place, BITS: tl.constexpr):
    PIECE: tl.constexpr = 2 if BITS == 3 else BITS
    plane, column = place // 32, place % 32
    unit = plane // (16 // PIECE)
    if BITS == 3:
        unit = unit // 2 * 3 + unit % 2
    i = plane % (16 // PIECE)
    word = tl.load(words + offsets + unit * 1024 + column // 2)
    code = (word >> (PIECE * (i // 2) + 8 * (i % 2) + 16 * (column % 2))) & ((1 << PIECE) - 1)
    if BITS == 3:
        i = plane % 16
        high = tl.load(words + offsets + (plane // 16 * 3 + 2) * 1024 + column // 2)
        code = code | (((high >> (i // 2 + 8 * (i % 2) + 16 * (column % 2))) & 1) << 2)
    if BITS == 8:
        code = code ^ 128
    return code
