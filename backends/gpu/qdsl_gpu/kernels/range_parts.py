"""Finds the least and the greatest value of parts of a tensor."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def range_parts(x, parts, N, span, BLOCK: tl.constexpr):
    """x floats [N] → parts f32 [2, programs], of `span` values each; what is not finite is 0."""
    begin = tl.program_id(0).to(tl.int64) * span
    least, greatest = tl.full((BLOCK,), float("inf"), tl.float32), tl.zeros((BLOCK,), tl.float32)
    greatest -= float("inf")
    for start in range(0, span, BLOCK):
        at = start + tl.arange(0, BLOCK)
        inside = (at < span) & (begin + at < N)
        value = tl.load(x + begin + at, mask=inside, other=0.0).to(tl.float32)
        value = tl.where(tl.abs(value) < float("inf"), value, 0.0)
        least = tl.where(inside & (value < least), value, least)
        greatest = tl.where(inside & (value > greatest), value, greatest)
    tl.store(parts + tl.program_id(0), tl.min(least, 0))
    tl.store(parts + tl.num_programs(0) + tl.program_id(0), tl.max(greatest, 0))


def _variant(name: str, type: str) -> Variant:
    types = {"x": type, "parts": "*fp32", "N": "i32", "span": "i32"}
    return Variant(name, types, {"BLOCK": 1024}, multiples=("N", "span"))


KERNEL = Kernel(range_parts, (_variant("f32", "*fp32"), _variant("bf16", "*bf16")))
