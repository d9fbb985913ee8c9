"""Products of rows of int8 with packed weights: sums of integers, and each step after them rounded.

Codes that count from 0 are multiplied as they are; what they exceed their values by is taken off
each sum of a group, with the sum of its activations, which is exact.
"""

import triton
import triton.language as tl

from qdsl_gpu.decode import bytes_of_weights, load_step, row_offsets
from qdsl_gpu.epilogue import finish, term
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def linear_int8(
    x, x_scales, x_sums, offset, words, code_sums, scales, zeros, y, bias, residual,
    M, N, rows, steps, groups, columns,
    BITS: tl.constexpr, SPARSE: tl.constexpr, SPAN: tl.constexpr, MULTIPLE: tl.constexpr,
    CENTRE: tl.constexpr, FACTOR: tl.constexpr, ZERO: tl.constexpr, OFFSET: tl.constexpr,
    TOKENS: tl.constexpr, BN: tl.constexpr,
    BIAS: tl.constexpr, RELU: tl.constexpr, RESIDUAL: tl.constexpr,
):  # fmt: skip
    """y [M, N] = t · s, terms t in ascending order; x, x_scales, x_sums as `round_rows` makes them.

    OFFSET: as `fix_rows` does, with an offset. Program (i, j) computes rows i · BN … of the weight
    for tokens j · TOKENS …. SPAN is the planes of a group, 0: the row.
    """
    UNITS: tl.constexpr = 3 if BITS == 3 or SPARSE else 1
    PER_STEP: tl.constexpr = 8 if BITS == 3 or SPARSE else 8 // BITS  # pairs of planes
    COPIES: tl.constexpr = 2 if SPAN == 1 else 1
    FLUSH: tl.constexpr = SPAN // 2 if SPAN > 1 else 1  # pairs of planes of a group

    n = tl.program_id(0) * BN + tl.arange(0, BN)
    m = tl.program_id(1) * TOKENS + tl.arange(0, TOKENS)
    valid = m < M
    offsets = row_offsets(n, steps, UNITS)
    x_rows = x + m[None, :] * columns + tl.arange(0, 64)[:, None]

    t = tl.zeros((BN, TOKENS), tl.float32)
    part = tl.zeros((BN, TOKENS), tl.int32)
    for step in range(steps):
        units = load_step(words, offsets, step, BITS, SPARSE)
        for p in tl.static_range(PER_STEP):
            weight = bytes_of_weights(units, p, BITS, SPARSE)
            pair = step * PER_STEP + p
            for copy in tl.static_range(COPIES):
                at = x_rows + copy * M * columns + pair * 64
                tile = tl.load(at, mask=valid[None, :], other=0)
                part = tl.dot(weight, tile, part, out_dtype=tl.int32)
                if SPAN != 0 and FLUSH <= PER_STEP and (p + 1) % FLUSH == 0:
                    group = pair * 2 + copy if SPAN == 1 else pair // FLUSH
                    t += term(
                        part, scales, zeros, x_sums, code_sums, offset, group, groups,
                        rows, n, m, valid, BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET,
                    )  # fmt: skip
                    part = tl.zeros((BN, TOKENS), tl.int32)
        if SPAN != 0 and FLUSH > PER_STEP:
            if (step + 1) % (FLUSH // PER_STEP) == 0:
                t += term(
                    part, scales, zeros, x_sums, code_sums, offset, step // (FLUSH // PER_STEP),
                    groups, rows, n, m, valid, BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET,
                )  # fmt: skip
                part = tl.zeros((BN, TOKENS), tl.int32)
    if SPAN == 0:
        t += term(
            part, scales, zeros, x_sums, code_sums, offset, 0, groups, rows, n, m, valid,
            BITS, MULTIPLE, CENTRE, FACTOR, ZERO, OFFSET,
        )  # fmt: skip
    t = t * tl.load(x_scales + m, mask=valid, other=0.0)[None, :]
    finish(t, y, bias, residual, m, n, M, N, BIAS, RELU, RESIDUAL)


def _variant(name: str, stages: int = 4, **other: object) -> Variant:
    usual: dict[str, object] = {
        "BITS": 4, "SPARSE": False, "SPAN": 4, "MULTIPLE": 1, "CENTRE": 8, "FACTOR": 1.0,
        "ZERO": 0, "OFFSET": False, "TOKENS": 16, "BN": 128,
        "BIAS": True, "RELU": False, "RESIDUAL": False,
    }  # fmt: skip
    pointers = {"x": "*i8", "x_scales": "*fp32", "x_sums": "*i32", "words": "*i32"}
    pointers |= {"offset": "*i32", "code_sums": "*i32"}
    pointers |= {"scales": "*fp16", "zeros": "*u8", "y": "*fp32"}
    pointers |= {"bias": "*fp32", "residual": "*fp32"}
    sizes = dict.fromkeys(("M", "N", "rows", "steps", "groups", "columns"), "i32")
    multiples = ("N", "rows", "columns")
    return Variant(name, pointers | sizes, usual | other, 4, stages, "int8", multiples)


KERNEL = Kernel(
    linear_int8,
    (
        _variant("w4"),
        _variant("ones", BITS=8, SPAN=0, CENTRE=128, M=1, N=1, steps=1, groups=1),
        _variant("w4_zero", ZERO=1),
        _variant("w4_group32", SPAN=1),
        _variant("w4_offset", OFFSET=True),
        _variant("w8", BITS=8, SPAN=0, CENTRE=128),
        _variant("w8_tokens64", 3, BITS=8, SPAN=0, CENTRE=128, TOKENS=64),
        _variant("w3", 2, BITS=3, CENTRE=4),
        _variant("sparse", 2, SPARSE=True),
        _variant("w2", BITS=2, CENTRE=2),
        _variant("w1", 2, BITS=1, MULTIPLE=2, CENTRE=1),
    ),
)
