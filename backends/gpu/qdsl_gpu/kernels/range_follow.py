"""Moves a range towards what was observed."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def range_follow(parts, low, high, P, keep, take, SIZE: tl.constexpr):
    """parts f32 [2, P] of `range_parts`; low, high f32 [1] become keep · own + take · new."""
    k = tl.arange(0, SIZE)
    least = tl.min(tl.load(parts + k, mask=k < P, other=float("inf")), 0)
    greatest = tl.max(tl.load(parts + P + k, mask=k < P, other=-float("inf")), 0)
    tl.store(low, tl.load(low) * keep + least * take)
    tl.store(high, tl.load(high) * keep + greatest * take)


_TYPES = {
    "parts": "*fp32", "low": "*fp32", "high": "*fp32", "P": "i32", "keep": "fp32", "take": "fp32",
}  # fmt: skip
KERNEL = Kernel(range_follow, (Variant("average", _TYPES, {"SIZE": 512}),))
