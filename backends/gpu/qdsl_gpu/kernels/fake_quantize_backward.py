"""Takes a gradient back through the rounding of weights, to them and to learned scales."""

import triton
import triton.language as tl

from qdsl_gpu.gradients import shared, sums, to_extent, to_mean, to_weight
from qdsl_gpu.groups import number_kept, place, read
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.kernels.fake_quantize import POINTERS, SIZES, constants
from qdsl_gpu.scales import find


@triton.jit
def fake_quantize_backward(
    w, mask, clips, scales, zeros, values, gradient, dw, ds, groups, G, K, L, coefficient,
    MASK: tl.constexpr, CLIP: tl.constexpr, GIVEN: tl.constexpr, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, STEPS: tl.constexpr,
    SCALE: tl.constexpr, ZERO_TYPE: tl.constexpr, VALUES: tl.constexpr, STEP: tl.constexpr,
    BG: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """gradient f32 [N, K] of the result of `fake_quantize` → dw alike; ds [N, G] of learned scales.

    Scales are found again, as they were. STEP says where the gradient of a scale goes: to the
    `range` of the weights, to their `mean`, it is `learned`, or there is none: `straight`.
    """
    i, begin, columns = place(groups, G, K, L, BG)
    s, z, dead, high, low, number, middle, c = find(
        w, mask, clips, scales, zeros, i, begin, columns, L, coefficient, i < groups,
        MASK, CLIP, GIVEN, GRID, ZERO, LOW, HIGH, STEPS, SCALE, ZERO_TYPE, BG, BL,
    )  # fmt: skip
    up, down = tl.zeros((BG,), tl.float32), tl.zeros((BG,), tl.float32)
    if STEP != "straight":
        terms, outer, ups, downs = sums(
            w, mask, values, gradient, begin, columns, L, s, z, high, low, middle,
            GRID, ZERO, LOW, HIGH, VALUES, STEP == "range", MASK, BG, BL,
        )  # fmt: skip
        if STEP == "range":
            up, down = to_extent(terms, outer, s, z, dead, high, low, c, ZERO, LOW, HIGH, STEPS)
            up, down = shared(up, ups, ZERO), shared(down, downs, ZERO)
        elif STEP == "mean":
            up = to_mean(terms, s, dead, number, GRID)
        else:
            weights = number_kept(w, mask, begin, columns, L, MASK, BG, BL)
            root = tl.sqrt_rn(weights.to(tl.float32) * HIGH)
            tl.store(ds + i, tl.div_rn(tl.div_rn(terms, s), root), mask=i < groups)
    STRAIGHT: tl.constexpr = STEP == "straight" or STEP == "learned"
    centre = tl.zeros((BG,), tl.float32)
    if GRID == "centred":
        total = tl.zeros((BG, BL), tl.float32)
        for start in range(0, L, BL):
            k = start + tl.arange(0, BL)
            x, kept = read(w, mask, begin, columns, k, MASK)
            g, _ = read(gradient, mask, begin, columns, k, MASK)
            g = to_weight(g, x, s, z, high, low, middle, up, down, STRAIGHT, GRID, ZERO, LOW, HIGH)
            total += tl.where(kept, g, 0.0)
        centre = (tl.sum(total, 1).to(tl.float64) / number.to(tl.float64)).to(tl.float32)
    for start in range(0, L, BL):
        k = start + tl.arange(0, BL)
        x, kept = read(w, mask, begin, columns, k, MASK)
        g, _ = read(gradient, mask, begin, columns, k, MASK)
        g = to_weight(g, x, s, z, high, low, middle, up, down, STRAIGHT, GRID, ZERO, LOW, HIGH)
        g = tl.where(kept, g - centre[:, None], 0.0)
        tl.store(dw + begin[:, None] + k[None, :], g, mask=k[None, :] < columns[:, None])


_TYPES = {**POINTERS, **SIZES, "gradient": "*fp32", "dw": "*fp32", "ds": "*fp32"}
del _TYPES["y"]


def _variant(name: str, columns: int, **given: object) -> Variant:
    all = constants(columns, **{"STEP": "range", **given})
    return Variant(name, _TYPES, all, multiples=("K", "L"))


KERNEL = Kernel(
    fake_quantize_backward,
    (
        _variant("row", 4096),
        _variant("group32_2of4_f16", 32, MASK=True, SCALE="f16"),
        _variant("group128_zero", 128, ZERO=1, STEPS=15.0),
        _variant("row_learned", 4096, GIVEN=2, STEP="learned"),
        _variant("row_ternary", 4096, GRID="ternary", STEP="mean", LOW=-1, HIGH=1),
        _variant("row_centred", 4096, GRID="centred", STEP="mean"),
        _variant("group64_nf4", 64, GRID="table", STEPS=1.0, VALUES=16),
    ),
)
