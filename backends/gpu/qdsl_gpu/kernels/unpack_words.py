"""Writes the codes of a whole weight as operands of a product that is not ours."""

import triton
import triton.language as tl

from qdsl_gpu.decode import bytes_of_weights, load_step, plane_of_weights, row_offsets
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def unpack_words(
    words, under, zeros, y, steps, columns,
    BITS: tl.constexpr, SPARSE: tl.constexpr,
    CENTRE: tl.constexpr, ZERO: tl.constexpr, BYTES: tl.constexpr,
):  # fmt: skip
    """y [rows, columns]: u - centre in the 16 bits of y, or BYTES as `round_rows` orders them.

    Program (i, j) writes 64 rows of one step. The centre is that of the row.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    STEP: tl.constexpr = 512 if BITS == 3 or SPARSE else 512 // BITS
    WIDTH: tl.constexpr = 64 if BYTES else 32
    n = tl.program_id(0) * 64 + tl.arange(0, 64)
    step = tl.program_id(1)
    offsets = row_offsets(n, steps, UNITS)
    below = tl.load(under + tl.arange(0, 64))
    units = load_step(words, offsets, step, BITS, SPARSE)
    zero = tl.load(zeros + n).to(tl.int32) if ZERO == 1 else n
    to = y + n[:, None].to(tl.int64) * columns + tl.arange(0, WIDTH)[None, :]
    for p in tl.static_range(STEP // WIDTH):
        if BYTES:
            value = bytes_of_weights(units, p, BITS, SPARSE)
        else:
            value = plane_of_weights(
                units, below, zero, words, p,
                BITS, SPARSE, CENTRE, ZERO, False, y.dtype.element_ty,
            )  # fmt: skip
        tl.store(to + step * STEP + p * WIDTH, value)


def _variant(
    name: str, y: str, bits: int, zero: int = 0, sparse: bool = False, **ones: int
) -> Variant:
    types = {
        "words": "*i32",
        "under": "*i32",
        "zeros": "*u8",
        "y": y,
        "steps": "i32",
        "columns": "i32",
    }
    centre = float(1 << (bits - 1))
    constants = {"BITS": bits, "SPARSE": sparse, "CENTRE": centre, "ZERO": zero, **ones}
    return Variant(name, types, constants | {"BYTES": y == "*i8"}, multiples=("columns",))


KERNEL = Kernel(
    unpack_words,
    (
        _variant("w4", "*bf16", 4),
        _variant("w4_zero", "*bf16", 4, zero=1),
        _variant("ones", "*bf16", 2, steps=1),
        _variant("w3", "*fp16", 3),
        _variant("sparse", "*bf16", 4, sparse=True),
        _variant("sparse_bytes", "*i8", 4, sparse=True),
        _variant("w8_bytes", "*i8", 8),
        _variant("w3_bytes", "*i8", 3),
    ),
)
