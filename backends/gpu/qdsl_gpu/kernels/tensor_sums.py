"""Sums what the gradient of the one scale of a weight is made of, by parts."""

import triton
import triton.language as tl

from qdsl_gpu.gradients import sums
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.kernels.fake_quantize import constants
from qdsl_gpu.kernels.fake_quantize_backward import TYPES
from qdsl_gpu.tensors import find_of_tensor, keep, part


@triton.jit
def tensor_sums(
    w, mask, clips, scales, zeros, values, parts, gradient, shares, elements, span, coefficient,
    MASK: tl.constexpr, CLIP: tl.constexpr, GIVEN: tl.constexpr, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, STEPS: tl.constexpr,
    SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr, VALUES: tl.constexpr, STEP: tl.constexpr,
    SIZE: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """w f32 and the gradient of its result, both [elements] → shares f64 [4, programs].

    They are the `sums` of `qdsl_gpu.gradients`.
    """
    begin, columns = part(elements, span)
    s, z, _, high, low, _, middle, _ = find_of_tensor(
        parts, clips, scales, zeros, coefficient,
        CLIP, GIVEN, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE, SIZE,
    )  # fmt: skip
    terms, outer, ups, downs = sums(
        w, mask, values, gradient, begin, columns, span, s, z, high, low, middle,
        GRID, ZERO, LOW, HIGH, VALUES, STEP, MASK, 1, BL,
    )  # fmt: skip
    keep(shares, 0, terms)
    keep(shares, 1, outer)
    keep(shares, 2, ups)
    keep(shares, 3, downs)


def _variant(name: str, **given: object) -> Variant:
    drop = ("groups", "G", "K", "L", "dw", "ds", "shares", "BG")
    types = {k: v for k, v in TYPES.items() if k not in drop}
    types |= {"shares": "*fp64", "elements": "i32", "span": "i32"}
    all = constants(1024, **{"STEP": "range", "SIZE": 512, **given})
    del all["BG"]
    return Variant(name, types, all, multiples=("elements", "span"))


KERNEL = Kernel(
    tensor_sums,
    (_variant("range"), _variant("ternary", GRID="ternary", STEP="mean", LOW=-1, HIGH=1)),
)
