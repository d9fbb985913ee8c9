"""Takes a gradient back through the rounding of weights, to them and to learned scales."""

import triton
import triton.language as tl

from qdsl_gpu.gradients import steps, sums, to_weight
from qdsl_gpu.groups import place, read
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.kernels.fake_quantize import POINTERS, SIZES, constants, row, tensor
from qdsl_gpu.scales import find
from qdsl_gpu.tensors import added, find_of_tensor, part


@triton.jit
def fake_quantize_backward(
    w, mask, clips, scales, zeros, values, parts, gradient, shares, dw, ds, groups, G, K, L,
    coefficient,
    MASK: tl.constexpr, CLIP: tl.constexpr, GIVEN: tl.constexpr, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, STEPS: tl.constexpr,
    SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr, VALUES: tl.constexpr, STEP: tl.constexpr,
    SIZE: tl.constexpr, BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """gradient floats [N, K] of the result of `fake_quantize` → dw f32 alike.

    ds f32 [N, G] of learned scales. Scales are found again, as they were. STEP says where the
    gradient of a scale goes: to the `range` of the weights, to their `mean`, it is `learned`, or
    there is none: `straight`. Of a tensor, shares f64 [4, programs] are the sums of all parts.
    """
    terms = tl.zeros((BG,), tl.float32)
    outer, ups, downs = terms, terms, terms
    if SIZE:
        i = tl.program_id(0) + tl.arange(0, 1)
        begin, columns = part(K, L)
        s, z, dead, high, low, number, middle, c = find_of_tensor(
            parts, clips, scales, zeros, coefficient,
            CLIP, GIVEN, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE, SIZE,
        )  # fmt: skip
        if STEP != "straight" or GRID == "centred":
            terms = added(shares, 0, SIZE).to(tl.float32)
            outer = added(shares, 1, SIZE).to(tl.float32)
            ups = added(shares, 2, SIZE).to(tl.float32)
            downs = added(shares, 3, SIZE).to(tl.float32)
    else:
        i, begin, columns = place(groups, G, K, L, BG)
        s, z, dead, high, low, number, middle, c = find(
            w, mask, clips, scales, zeros, i, begin, columns, L, coefficient, i < groups,
            MASK, CLIP, GIVEN, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE, BG, BL,
        )  # fmt: skip
        if STEP != "straight" or GRID == "centred":
            terms, outer, ups, downs = sums(
                w, mask, values, gradient, begin, columns, L, s, z, high, low, middle,
                GRID, ZERO, LOW, HIGH, VALUES, STEP, MASK, BG, BL,
            )  # fmt: skip
    if STEP == "learned":
        root = tl.sqrt_rn(tl.where(ups > 1, ups, 1.0) * HIGH)
        tl.store(ds + i, tl.div_rn(tl.div_rn(terms, s), root), mask=i < groups)
    up, down, centre = steps(
        terms, outer, ups, downs, s, z, dead, high, low, number, c,
        GRID, ZERO, LOW, HIGH, STEPS, STEP,
    )  # fmt: skip
    STRAIGHT: tl.constexpr = STEP == "straight" or STEP == "learned"
    for start in range(0, L, BL):
        k = start + tl.arange(0, BL)
        x, kept = read(w, mask, begin, columns, k, MASK)
        g, _ = read(gradient, mask, begin, columns, k, MASK)
        g = to_weight(g, x, s, z, high, low, middle, up, down, STRAIGHT, GRID, ZERO, LOW, HIGH)
        g = tl.where(kept, g - centre[:, None], 0.0)
        tl.store(dw + begin[:, None] + k[None, :], g, mask=k[None, :] < columns[:, None])


TYPES = {
    **POINTERS, **SIZES, "gradient": "*fp32", "shares": "*fp64", "dw": "*fp32", "ds": "*fp32",
}  # fmt: skip
del TYPES["y"]


def _variant(name: str, given: dict[str, object], gradient: str = "*fp32") -> Variant:
    all = {"STEP": "range", **given}
    return Variant(name, TYPES | {"gradient": gradient}, all, multiples=("K", "L"))


KERNEL = Kernel(
    fake_quantize_backward,
    (
        _variant("row", row()),
        _variant("row_bf16", row(), "*bf16"),
        _variant("group32_2of4_f16", constants(32, MASK=True, SCALE="f16")),
        _variant("group128_zero", constants(128, ZERO=1, STEPS=15.0)),
        _variant("row_learned", row(GIVEN=2, STEP="learned")),
        _variant("row_ternary", row(GRID="ternary", STEP="mean", LOW=-1, HIGH=1)),
        _variant("row_centred", row(GRID="centred", STEP="mean")),
        _variant("group64_nf4", constants(64, GRID="table", STEPS=1.0, VALUES=16)),
        _variant("tensor", tensor()),
        _variant("tensor_ternary", tensor(GRID="ternary", STEP="mean", LOW=-1, HIGH=1)),
    ),
)
