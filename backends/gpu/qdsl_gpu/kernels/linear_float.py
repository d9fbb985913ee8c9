"""Products of float rows with packed weights, the weight being the left operand.

y = x · wᵀ is computed as w · xᵀ: codes go from registers to the matrix unit, and scales are applied
to sums of a group. Rows of x are 1 or 3 planes of 16 bits that add up to them, so that every single
product is exact; with few tokens the planes are rows of one product.
"""

import triton
import triton.language as tl

from qdsl_gpu.decode import bf16_part, load_step, plane_of_weights, row_offsets
from qdsl_gpu.epilogue import finish
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.last import is_last, store_part, sum_parts


@triton.jit
def _multiply(
    part, total, weight, tiles, valid, x_plane,
    ZERO: tl.constexpr, TABLE: tl.constexpr, PLANES: tl.constexpr,
):  # fmt: skip
    """part [n, tokens] plus the product of a plane, total [tokens] plus the sum of x.

    tiles: addresses of x [32, tokens].
    """
    for p in tl.static_range(PLANES):
        tile = tl.load(tiles + p * x_plane, mask=valid[None, :], other=0.0)
        if TABLE:
            # of 24 bits with 24 bits, what is below the last bit of the product is left out
            for q in tl.static_range(3 - p):
                part = tl.dot(bf16_part(weight, q), tile, part)
        else:
            part = tl.dot(weight, tile, part)
        if ZERO == 2:
            total += tl.sum(tile.to(tl.float32), 0)
    return part, total


@triton.jit
def _added(sums, part, total, scale, shift, ZERO: tl.constexpr):
    """sums and what a group adds: part · s, less total · zs where zeros are floats."""
    sums = tl.fma(part, tl.broadcast_to(scale.to(tl.float32)[:, None], part.shape), sums)
    if ZERO == 2:
        sums -= shift.to(tl.float32)[:, None] * total[None, :]
    return sums


@triton.jit
def _of_groups(table, first, n, rows, SPAN: tl.constexpr, FLUSH: tl.constexpr, COUNT: tl.constexpr):
    """COUNT rows of a table [groups, rows]: of the groups of every FLUSH-th plane from `first` on.

    They are asked for before the words of a step are decoded, and there when they are needed.
    """
    found = ()
    for i in tl.static_range(COUNT):
        found += (tl.load(table + (first + i * FLUSH) // SPAN * rows + n),)
    return found


@triton.jit
def linear_float(
    x, words, under, scales, zeros, table, parts, counters, y, bias, residual,
    M, N, rows, steps, split, x_plane, x_row,
    BITS: tl.constexpr, SPARSE: tl.constexpr,
    SPAN: tl.constexpr, CENTRE: tl.constexpr, FACTOR: tl.constexpr,
    ZERO: tl.constexpr, TABLE: tl.constexpr, PLANES: tl.constexpr, STACKED: tl.constexpr,
    SPLIT: tl.constexpr, TOKENS: tl.constexpr, BN: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """x 16-bit floats [planes, M, columns], as far apart as x_plane and x_row say; y [M, N].

    under i32 [BN]: `exponent_of`. Program (i, j, k) computes rows i · BN … of the weight for
    tokens j · TOKENS … over `split` steps, the k-th so many. SPAN is the
    planes of a group, 0: the row. ZERO: 0 none, 1 integers, 2 floats. SPLIT: there are several k,
    whose sums go to parts f32 [k, M, N]; counters i32 are those of `is_last`.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    PER_STEP: tl.constexpr = 16 if BITS == 3 or SPARSE else 16 // BITS  # planes
    FLUSH: tl.constexpr = PER_STEP if SPAN == 0 or SPAN > PER_STEP else SPAN
    GROUPS: tl.constexpr = 0 if SPAN == 0 else PER_STEP // FLUSH
    SLOTS: tl.constexpr = 4 if STACKED else 1
    LOOPS: tl.constexpr = 1 if STACKED else PLANES

    n = tl.program_id(0) * BN + tl.arange(0, BN)
    first = tl.program_id(1) * TOKENS
    slot = tl.arange(0, SLOTS * TOKENS) // TOKENS
    token = first + tl.arange(0, SLOTS * TOKENS) % TOKENS
    valid = (token < M) & (slot < PLANES)
    # addresses of one plane; the others are constants away
    x_rows = x + (token * x_row + slot * x_plane)[None, :] + tl.arange(0, 32)[:, None]
    offsets = row_offsets(n, steps, UNITS)
    below = tl.load(under + tl.arange(0, BN))

    sums = tl.zeros((BN, SLOTS * TOKENS), tl.float32)
    totals = tl.zeros((SLOTS * TOKENS,), tl.float32)  # of x, for a float zero of the row
    zero = tl.load(zeros + n).to(tl.int32) if ZERO == 1 and SPAN == 0 else n
    begin = tl.program_id(2) * split
    for step in range(begin, min(begin + split, steps)):
        given = _of_groups(scales, step * PER_STEP, n, rows, SPAN, FLUSH, GROUPS)
        shifts = _of_groups(zeros, step * PER_STEP, n, rows, SPAN, FLUSH, GROUPS if ZERO else 0)
        units = load_step(words, offsets, step, BITS, SPARSE)
        tiles = x_rows + step * (PER_STEP * 32)
        part = tl.zeros((BN, SLOTS * TOKENS), tl.float32)
        total = tl.zeros((SLOTS * TOKENS,), tl.float32)
        for p in tl.static_range(PER_STEP):
            zero = shifts[p // FLUSH].to(tl.int32) if ZERO == 1 and SPAN != 0 else zero
            weight = plane_of_weights(
                units, below, zero, table, p,
                BITS, SPARSE, CENTRE, ZERO, TABLE, x.dtype.element_ty,
            )  # fmt: skip
            part, total = _multiply(
                part, total, weight, tiles + p * 32, valid, x_plane, ZERO, TABLE, LOOPS
            )
            if SPAN != 0 and (p + 1) % FLUSH == 0:
                shift = shifts[p // FLUSH] if ZERO else n
                sums = _added(sums, part, total, given[p // FLUSH], shift, ZERO)
                part = tl.zeros((BN, SLOTS * TOKENS), tl.float32)
                total = tl.zeros((SLOTS * TOKENS,), tl.float32)
        if SPAN == 0:
            sums += part
            totals += total

    if SPAN == 0:
        shift = tl.load(zeros + n) if ZERO == 2 else n
        sums = _added(tl.zeros_like(sums), sums, totals, tl.load(scales + n), shift, ZERO)
    if STACKED:
        sums = tl.sum(sums.reshape(BN, SLOTS, TOKENS), 1)
    if FACTOR != 1:
        sums = sums * FACTOR
    m = first + tl.arange(0, TOKENS)
    if SPLIT:
        store_part(parts, sums, tl.program_id(2), m, n, M, N)
        if is_last(counters, tl.num_programs(2)):
            sums = sum_parts(parts, tl.num_programs(2), m, n, M, N, tl.float32)
            finish(sums, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)
    else:
        finish(sums, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


def _variant(name: str, x: str = "*bf16", *, stages: int = 4, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": 4, "SPARSE": False,
        "SPAN": 4, "CENTRE": 8.0, "FACTOR": 1.0, "ZERO": 0, "TABLE": False,
        "PLANES": 1, "STACKED": False, "SPLIT": False, "TOKENS": 16, "BN": 128,
        "BIAS": True, "RELU": False, "RESIDUAL": False,
    }  # fmt: skip
    pointers = {
        "x": x,
        "words": "*i32",
        "under": "*i32",
        "scales": "*fp16",
        "table": "*fp32",
        "parts": "*fp32",
        "counters": "*i32",
        "y": "*fp32",
    }
    pointers |= {"zeros": "*fp32" if other.get("ZERO") == 2 else "*u8"}
    pointers |= {"bias": "*fp32", "residual": "*fp32"}
    sizes = dict.fromkeys(("M", "N", "rows", "steps", "split", "x_plane", "x_row"), "i32")
    multiples = ("N", "rows", "x_plane", "x_row")
    constants = usual | other
    warps = 8 if constants["TOKENS"] == 64 else 4
    narrow = ", narrow" if constants["TOKENS"] in (2, 8) else ""
    return Variant(name, pointers | sizes, constants, warps, stages, f"float{narrow}", multiples)


KERNEL = Kernel(
    linear_float,
    (
        _variant("w4"),
        _variant("ones", SPAN=0, M=1, N=1, steps=1, split=1),
        _variant("w4_tokens16_split", SPLIT=True),
        _variant("w4_tokens8", TOKENS=8),
        _variant("w4_split", TOKENS=8, SPLIT=True),
        _variant("w8_split", BITS=8, CENTRE=128.0, TOKENS=8, SPLIT=True),
        _variant("w2_split", BITS=2, CENTRE=2.0, TOKENS=8, SPLIT=True),
        _variant("w1_split", BITS=1, CENTRE=0.5, stages=2, TOKENS=8, SPLIT=True),
        _variant("w4_f32_tokens2", PLANES=3, STACKED=True, TOKENS=2, SPLIT=True),
        _variant("w4_row", SPAN=0),
        _variant("w4_tokens64", stages=3, TOKENS=64),
        _variant("w4_f16", "*fp16"),
        _variant("w4_f32_tokens4", PLANES=3, STACKED=True, TOKENS=4),
        _variant("w4_f32", PLANES=3),
        _variant("w4_zero", ZERO=1),
        _variant("w4_float_zero", ZERO=2),
        _variant("w8", BITS=8, CENTRE=128.0),
        _variant("w3", BITS=3, CENTRE=4.0, stages=2, BN=64),
        _variant("w3_tokens8", BITS=3, CENTRE=4.0, stages=2, TOKENS=8),
        _variant("w2", BITS=2, CENTRE=2.0),
        _variant("w1", BITS=1, CENTRE=0.5, stages=2),
        _variant("sparse", SPARSE=True, stages=2),
        _variant("sparse_tokens32", SPARSE=True, SPAN=0, TOKENS=32, stages=2),
        _variant("nf4", TABLE=True, BN=64, stages=1),
    ),
)
