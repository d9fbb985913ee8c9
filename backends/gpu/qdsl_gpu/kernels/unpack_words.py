"""Writes the codes of rows of a weight as operands of a product of many rows."""

import triton
import triton.language as tl

from qdsl_gpu.decode import (
    bf16_part,
    bytes_of_weights,
    load_step,
    plane_of_weights,
    row_offsets,
)
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def _centres(zeros, first, n, rows, SPAN: tl.constexpr):
    """Zeros i32 of 64 places from column `first` on, in the order of the bytes: [64, 1 or 64]."""
    group = first // SPAN if SPAN else 0
    centre = tl.load(zeros + group * rows + n).to(tl.int32)[:, None]
    if SPAN == 32:
        # each second byte is of the next group
        other = tl.load(zeros + (group + 1) * rows + n).to(tl.int32)[:, None]
        centre = tl.where(tl.arange(0, 64)[None, :] % 2 == 0, centre, other)
    return centre


@triton.jit
def unpack_words(
    words, under, zeros, table, y, first, rows, steps, columns, part, row, across,
    BITS: tl.constexpr, SPARSE: tl.constexpr, SPAN: tl.constexpr, MULTIPLE: tl.constexpr,
    CENTRE: tl.constexpr, ZERO: tl.constexpr, PARTS: tl.constexpr, TABLE: tl.constexpr,
    BYTES: tl.constexpr, CENTRED: tl.constexpr,
):  # fmt: skip
    """Codes of rows `first` … of the weight: y [blocks of 64 rows, 64, columns].

    Rows are `row` apart, and `across` so many columns as an operation writes: 32 of 16 bits, u less
    its centre or, of a TABLE, PARTS that add up to the value, `part` apart; or 64 BYTES as
    `round_rows` orders them, u, of 8 bits u - 128, or where CENTRED MULTIPLE · u less its centre.
    The centre is CENTRE or, ZERO 1, that of the group of SPAN columns, 0: of the row. Program
    (i, j) writes 64 rows of a step.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    WIDTH: tl.constexpr = 64 if BYTES else 32
    EACH: tl.constexpr = (512 if BITS == 3 or SPARSE else 512 // BITS) // WIDTH
    n = first + tl.program_id(0) * 64 + tl.arange(0, 64)
    step = tl.program_id(1)
    offsets = row_offsets(n, steps, UNITS)
    below = tl.load(under + tl.arange(0, 64))
    units = load_step(words, offsets, step, BITS, SPARSE)
    to = y + tl.program_id(0).to(tl.int64) * 64 * columns
    to = to + (tl.arange(0, 64) * row)[:, None] + tl.arange(0, WIDTH)[None, :]
    for i in tl.static_range(EACH):
        at = step * EACH + i
        if BYTES:
            value = bytes_of_weights(units, i, BITS, SPARSE)
            if CENTRED and ZERO == 1:
                centre = _centres(zeros, at * WIDTH, n, rows, SPAN)
                value = (value.to(tl.int32) * MULTIPLE - centre).to(tl.int8)
            elif CENTRED:
                value = value * MULTIPLE - CENTRE
            tl.store(to + at * across, value)
        else:
            group = at * WIDTH // SPAN if SPAN else 0
            zero = tl.load(zeros + group * rows + n).to(tl.int32) if ZERO == 1 else n
            value = plane_of_weights(
                units, below, zero, table, i,
                BITS, SPARSE, CENTRE, ZERO, TABLE, y.dtype.element_ty,
            )  # fmt: skip
            for q in tl.static_range(PARTS):
                own = bf16_part(value, q) if TABLE else value
                tl.store(to + at * across + q * part, own)


def _variant(name: str, y: str, bits: int, **other: object) -> Variant:
    types = {"words": "*i32", "under": "*i32", "zeros": "*u8", "table": "*fp32", "y": y}
    sizes = ("first", "rows", "steps", "columns", "part", "row", "across")
    types |= dict.fromkeys(sizes, "i32")
    is_bytes, middle = y == "*i8", 1 << (bits - 1)
    constants = {
        "BITS": bits, "SPARSE": False, "SPAN": 128, "MULTIPLE": 1,
        "CENTRE": middle if is_bytes else float(middle), "ZERO": 0, "PARTS": 1, "TABLE": False,
        "BYTES": is_bytes, "CENTRED": bits < 8, **other,
    }  # fmt: skip
    multiples = ("first", "rows", "columns", "part", "row", "across")
    return Variant(name, types, constants, multiples=multiples)


KERNEL = Kernel(
    unpack_words,
    (
        _variant("w4", "*bf16", 4),
        _variant("w4_zero", "*bf16", 4, ZERO=1),
        _variant("ones", "*bf16", 2, steps=1),
        _variant("w3", "*fp16", 3),
        _variant("sparse", "*bf16", 4, SPARSE=True),
        _variant("sparse_bytes", "*i8", 4, SPARSE=True),
        _variant("nf4", "*bf16", 4, PARTS=3, TABLE=True),
        _variant("w4_bytes", "*i8", 4),
        _variant("w4_zero_bytes", "*i8", 4, ZERO=1, SPAN=32),
        _variant("w8_bytes", "*i8", 8),
        _variant("w3_bytes", "*i8", 3, CENTRED=False),
    ),
)
