"""Counts digits of magnitudes, and at last those that are equal to the one of a rank."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.ranks import bits_of, picked


@triton.jit
def share_counts(x, counts, equals, N, span, rank, PASS: tl.constexpr, BLOCK: tl.constexpr):
    """x f32 [N] adds to counts i32 [4, 256] of that pass: integers, whose order does not matter.

    Pass 4 writes to equals i32 [programs] how many of a program's are that of the rank.
    """
    begin = tl.program_id(0).to(tl.int64) * span
    prefix, _ = picked(counts, rank, PASS)
    number, same = tl.zeros((256,), tl.int32), tl.zeros((BLOCK,), tl.int32)
    for start in range(0, span, BLOCK):
        at = start + tl.arange(0, BLOCK)
        inside = (at < span) & (begin + at < N)
        bits = bits_of(tl.load(x + begin + at, mask=inside, other=0.0))
        if PASS == 4:
            same += (inside & (bits == prefix)).to(tl.int32)
        else:
            if PASS != 0:
                inside = inside & ((bits >> (32 - 8 * PASS)) == prefix)
            digit = (bits >> (24 - 8 * PASS)) & 255
            number += tl.histogram(digit, 256, mask=inside)
    if PASS == 4:
        tl.store(equals + tl.program_id(0), tl.sum(same, 0))
    else:
        k = tl.arange(0, 256)
        tl.atomic_add(counts + 256 * PASS + k, number, mask=number > 0)


def _variant(name: str, step: int) -> Variant:
    types = {"x": "*fp32", "counts": "*i32", "equals": "*i32"} | dict.fromkeys(
        ("N", "span", "rank"), "i32"
    )
    return Variant(name, types, {"PASS": step, "BLOCK": 1024}, multiples=("N", "span"))


KERNEL = Kernel(share_counts, (_variant("first", 0), _variant("last", 3), _variant("equals", 4)))
