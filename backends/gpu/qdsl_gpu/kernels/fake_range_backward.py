"""Takes a gradient back through a static range, to the values and in parts to its learned scale."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.kernels.fake_range import POINTERS
from qdsl_gpu.rounding import clamped, rounded


@triton.jit
def fake_range_backward(
    x, scale, gradient, dx, parts, N, LOW: tl.constexpr, HIGH: tl.constexpr, BLOCK: tl.constexpr
):
    """gradient floats [N] of `fake_range` → dx alike; parts f32 [programs], to be added in order.

    Signed (LSQ): Σ g·(q - x/s) inside the range and Σ g·q outside. Unsigned (PACT): Σ g at the top.
    """
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    value = tl.load(x + at, mask=at < N, other=0.0).to(tl.float32)
    g = tl.load(gradient + at, mask=at < N, other=0.0).to(tl.float32)
    place = tl.div_rn(value, tl.load(scale))
    code = rounded(place)
    found = clamped(code, LOW, HIGH)
    inside = found == code
    if LOW < 0:
        term = g * tl.where(inside, found - place, found)
    else:
        term = g * tl.where((found == HIGH) & (code != found), 1.0, 0.0)
    # a gradient that is not finite stays so
    g = g * inside.to(tl.float32)
    tl.store(dx + at, g.to(dx.dtype.element_ty), mask=at < N)
    tl.store(parts + tl.program_id(0), tl.sum(term, 0))


def _variant(name: str, low: int, high: int) -> Variant:
    types = POINTERS | {"gradient": "*fp32", "dx": "*fp32", "parts": "*fp32", "N": "i32"}
    return Variant(name, types, {"LOW": low, "HIGH": high, "BLOCK": 1024}, multiples=("N",))


KERNEL = Kernel(fake_range_backward, (_variant("signed", -128, 127), _variant("unsigned", 0, 255)))
