"""Marks the largest magnitudes of every group of weights."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def keep_largest(
    x, mask, groups, KEPT: tl.constexpr, GROUP: tl.constexpr, BG: tl.constexpr,
    COLUMNS: tl.constexpr,
):  # fmt: skip
    """x f32 [groups, GROUP] → mask u8 alike: the KEPT largest |x|, of equal ones the first.

    COLUMNS is the power of two that holds a group; BG groups are of a program.
    """
    g = tl.program_id(0) * BG + tl.arange(0, BG)
    k = tl.arange(0, COLUMNS)[None, :]
    begin = x + g.to(tl.int64) * GROUP
    inside = (g < groups)[:, None] & (k < GROUP)
    size = tl.abs(tl.load(begin[:, None] + k, mask=inside, other=0.0))
    before = tl.zeros((BG, COLUMNS), tl.int32)
    for j in range(GROUP):
        other = tl.abs(tl.load(begin + j, mask=g < groups, other=0.0))[:, None]
        # a NaN goes behind those before it and before those behind it
        first = tl.where(k > j, other >= size, tl.where(k < j, size >= other, True) == 0)
        before += first.to(tl.int32)
    to = mask + g.to(tl.int64)[:, None] * GROUP + k
    tl.store(to, (before < KEPT).to(tl.uint8), mask=inside)


def _variant(kept: int, group: int, columns: int) -> Variant:
    types = {"x": "*fp32", "mask": "*u8", "groups": "i32"}
    constants = {"KEPT": kept, "GROUP": group, "BG": 1024 // columns, "COLUMNS": columns}
    return Variant(f"{kept}of{group}", types, constants)


KERNEL = Kernel(keep_largest, (_variant(2, 4, 4), _variant(4, 8, 8), _variant(3, 32, 32)))
