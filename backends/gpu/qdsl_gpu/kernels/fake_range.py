"""Rounds values to integers in one static range, and says which were clamped."""

import triton
import triton.language as tl

from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.rounding import clamped, position


@triton.jit
def fake_range(
    x, scale, zero, y, kept, N, ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
    KEPT: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """x floats [N], scale and zero f32 [1] → s·(q - z) like x; kept u8 [N]: not clamped."""
    at = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    s = tl.load(scale)
    z = tl.load(zero) if ZERO else s
    value = tl.load(x + at, mask=at < N, other=0.0).to(tl.float32)
    code = position(value, s, z, "integer", 1 if ZERO else 0)
    found = clamped(code, LOW, HIGH)
    if KEPT:
        tl.store(kept + at, (found == code).to(tl.uint8), mask=at < N)
    if ZERO:
        found = found - z
    tl.store(y + at, (found * s).to(y.dtype.element_ty), mask=at < N)


POINTERS = {"x": "*fp32", "scale": "*fp32"}


def _variant(
    name: str, type: str, zero: bool, low: int, high: int, kept: bool, y: str = ""
) -> Variant:
    types = POINTERS | {"zero": "*fp32", "kept": "*u8", "N": "i32", "x": type, "y": y or type}
    constants = {"ZERO": zero, "LOW": low, "HIGH": high, "KEPT": kept, "BLOCK": 1024}
    return Variant(name, types, constants, multiples=("N",))


KERNEL = Kernel(
    fake_range,
    (
        _variant("symmetric", "*fp32", False, -127, 127, True),
        _variant("zero", "*fp32", True, 0, 255, True),
        _variant("zero_bf16", "*bf16", True, 0, 255, True),
        _variant("zero_to_bf16", "*fp32", True, 0, 255, True, "*bf16"),
        _variant("learned", "*fp32", False, 0, 15, False),
    ),
)
