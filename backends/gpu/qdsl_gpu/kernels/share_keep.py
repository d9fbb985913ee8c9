"""Marks weights above one of a rank of magnitude, and of its equals the first."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.ranks import bits_of, picked


@triton.jit
def share_keep(x, mask, counts, equals, N, span, rank, SIZE: tl.constexpr, BLOCK: tl.constexpr):
    """x f32 [N] → mask u8 [N], by the counts of `share_counts`: the `rank` least go.

    Of weights equal to the last that goes, those that stand first stay. SIZE programs, at most.
    """
    begin = tl.program_id(0).to(tl.int64) * span
    bar, goes = picked(counts, rank, 4)
    k = tl.arange(0, SIZE)
    found = tl.load(equals + k, mask=k < tl.num_programs(0), other=0)
    stay = tl.sum(found, 0) - goes
    before = tl.sum(tl.where(k < tl.program_id(0), found, 0), 0)
    for start in range(0, span, BLOCK):
        at = start + tl.arange(0, BLOCK)
        inside = (at < span) & (begin + at < N)
        bits = bits_of(tl.load(x + begin + at, mask=inside, other=0.0))
        same = (inside & (bits == bar)).to(tl.int32)
        place = before + tl.cumsum(same, 0)
        kept = (bits > bar) | ((same != 0) & (place <= stay))
        tl.store(mask + begin + at, kept.to(tl.uint8), mask=inside)
        before += tl.sum(same, 0)


_TYPES = {"x": "*fp32", "mask": "*u8", "counts": "*i32", "equals": "*i32"} | dict.fromkeys(
    ("N", "span", "rank"), "i32"
)
_CONSTANTS = {"SIZE": 512, "BLOCK": 1024}
KERNEL = Kernel(share_keep, (Variant("half", _TYPES, _CONSTANTS, multiples=("N", "span")),))
