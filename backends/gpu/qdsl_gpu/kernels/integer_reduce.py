"""Sums or averages windows of codes along an axis."""

import triton
import triton.language as tl

from qdsl_gpu.integer.rounding import divided, number, scaled, wide
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def integer_reduce(
    x, mantissa, shift, y, outputs, n, inner, windows, size, step,
    MEAN: tl.constexpr, BO: tl.constexpr, BK: tl.constexpr,
):  # fmt: skip
    """x [outer, n, inner] → y i16 [outer, windows, inner], window w from w · step on.

    Program i computes BO outputs, BK terms at a time.
    """
    # divided in 64 bits only where the program begins
    first = tl.program_id(0).to(tl.int64) * BO
    o = first + tl.arange(0, BO)
    place = (first % inner).to(tl.int32) + tl.arange(0, BO)
    window = (first // inner % windows).to(tl.int32) + place // inner
    image = first // inner // windows + window // windows
    begin = (image * n + window % windows * step) * inner + place % inner
    total = tl.zeros((BO, BK), tl.int64)
    for start in range(0, size, BK):
        k = start + tl.arange(0, BK)
        mask = (o < outputs)[:, None] & (k < size)[None, :]
        at = begin[:, None] + k[None, :].to(tl.int64) * inner
        total += tl.load(x + at, mask=mask, other=0).to(tl.int64)
    value = tl.sum(total, 1)
    if MEAN:
        value = divided(value, tl.maximum(value * 0 + size, 1))
    else:
        value = scaled(value, number(mantissa), number(shift))
    tl.store(y + o, wide(value), mask=o < outputs)


_TYPES = {"x": "*i16", "mantissa": "*i32", "shift": "*i32", "y": "*i16"}
_TYPES |= dict.fromkeys(("outputs", "n", "inner", "windows", "size", "step"), "i32")


def _variant(name: str, mean: bool, many: int, terms: int, **ones: int) -> Variant:
    constants = {"MEAN": mean, "BO": many, "BK": terms, **ones}
    return Variant(name, _TYPES, constants, multiples=("inner",))


KERNEL = Kernel(
    integer_reduce,
    (
        _variant("rows_mean", True, 4, 256, inner=1, windows=1),
        _variant("columns_sum", False, 256, 1),
        _variant("ones", True, 4, 256, outputs=1, n=1, inner=1, windows=1, size=1, step=1),
    ),
)
