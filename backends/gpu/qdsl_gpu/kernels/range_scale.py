"""Finds scale and zero point of a static range."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.rounding import clamped, rounded


@triton.jit
def range_scale(
    low, high, scale, zero, ZERO: tl.constexpr, SIGNED: tl.constexpr, LOW: tl.constexpr,
    HIGH: tl.constexpr,
):  # fmt: skip
    """low, high f32 [1] → scale and, if ZERO, zero f32 [1]; `qdsl.fx.numerics.static` says how."""
    below, above = tl.load(low), tl.load(high)
    below, above = tl.where(below > 0, 0.0, below), tl.where(above < 0, 0.0, above)
    if ZERO:
        found = tl.div_rn(above - below, (HIGH - LOW) * 1.0)
    else:
        size = tl.where(-below > above, -below, above) if SIGNED else above
        found = tl.div_rn(size, HIGH * 1.0)
    s = tl.where(found == 0, 1.0, found)
    tl.store(scale, s)
    if ZERO:
        z = clamped(rounded(LOW - tl.div_rn(below, s)), LOW, HIGH)
        tl.store(zero, tl.where(found == 0, 0.0, z))


def _variant(name: str, zero: bool, low: int, high: int) -> Variant:
    types = dict.fromkeys(("low", "high", "scale", "zero"), "*fp32")
    return Variant(name, types, {"ZERO": zero, "SIGNED": low < 0, "LOW": low, "HIGH": high})


KERNEL = Kernel(range_scale, (_variant("signed", False, -127, 127), _variant("zero", True, 0, 255)))
