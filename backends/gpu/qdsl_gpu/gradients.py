"""Takes gradients back to weights and their statistics inside kernels, with GRIDs of `scales`."""

import triton
import triton.language as tl

from qdsl_gpu.groups import greater, mean, read
from qdsl_gpu.rounding import position, restored, rounded


@triton.jit
def passing(
    g, x, s, z, GRID: tl.constexpr, ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr
):
    """The gradient where the rounded, unclamped code is one of the grid, else 0."""
    if GRID == "table" or GRID == "binary" or GRID == "centred" or GRID == "float":
        return g
    at = position(x, s[:, None], z[:, None], GRID, ZERO)
    return tl.where((at >= LOW) & (at <= HIGH), g, 0.0)


@triton.jit
def signs(x, middle, GRID: tl.constexpr):
    """The derivative of |w|, of what a mean of magnitudes was taken over."""
    x = x - middle[:, None] if GRID == "centred" else x
    sign = tl.where(x < 0, -1.0, tl.where(x > 0, 1.0, 0.0))
    if GRID == "threshold":
        sign = tl.where(tl.abs(x) - middle[:, None] <= 0, 0.0, sign)
    return sign


@triton.jit
def to_extent(
    terms, outer, s, z, dead, high, low, c, ZERO: tl.constexpr, LOW: tl.constexpr,
    HIGH: tl.constexpr, STEPS: tl.constexpr,
):  # fmt: skip
    """The gradients of max(w, 0) and max(-w, 0) [BG]; where there is no zero, of max|w| twice."""
    by = tl.where(s == 0, 0.0, tl.div_rn(terms, s))
    offset = tl.zeros_like(s)
    if ZERO == 1:
        shift = tl.div_rn(c * low, s)
        at = rounded(LOW + shift)
        offset = tl.where((at >= LOW) & (at <= HIGH) & (dead == 0), -s * outer, 0.0)
        by = by - offset * tl.div_rn(shift, s)
        offset = tl.div_rn(offset, s)
    if ZERO == 2:
        offset = tl.where(dead, 0.0, -outer)
        by = tl.div_rn(terms + z * outer, s) + LOW * offset
    by = tl.div_rn(tl.where(dead, 0.0, by), STEPS) * c
    if ZERO == 0:
        return by, by
    # a range that holds 0 stops the gradient of a NaN
    return tl.where(high == high, by, 0.0), tl.where(low == low, by + c * offset, 0.0)


@triton.jit
def shared(by, size, ZERO: tl.constexpr):
    """The gradient of an end [BG], divided among the weights at it."""
    least: tl.constexpr = 0 if ZERO == 0 else 1
    return tl.div_rn(by, tl.where(size > least, size, 1.0))


@triton.jit
def to_mean(terms, s, dead, number, GRID: tl.constexpr):
    """The gradient of each |w| [BG] that a scale is the mean of."""
    by = terms
    if GRID == "ternary" or GRID == "threshold":
        by = tl.where(dead, 0.0, tl.div_rn(terms, s))
    return mean(by.to(tl.float64), number)


@triton.jit
def sums(
    w, mask, values, gradient, begin, columns, L, s, z, high, low, middle,
    GRID: tl.constexpr, ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
    VALUES: tl.constexpr, STEP: tl.constexpr, MASK: tl.constexpr, BG: tl.constexpr,
    BL: tl.constexpr,
):  # fmt: skip
    """Over a group [BG]: g·(ŵ - inside·w), of binary codes g·q; g outside the grid; and by STEP:

    of a `range` by how much the weights at the greatest and at the least divide its gradient; of a
    scale that is `learned` how many are kept. Where weights are centred, g; and their signs.
    """
    top = greater(high, low)[:, None]
    high, low = high[:, None], low[:, None]
    terms, outer = tl.zeros((BG, BL), tl.float32), tl.zeros((BG, BL), tl.float32)
    ups, downs = tl.zeros((BG, BL), tl.float32), tl.zeros((BG, BL), tl.float32)
    for start in range(0, L, BL):
        k = start + tl.arange(0, BL)
        x, kept = read(w, mask, begin, columns, k, MASK)
        g, _ = read(gradient, mask, begin, columns, k, MASK)
        if GRID == "binary" or GRID == "centred":
            terms += g * tl.where(x - middle[:, None] < 0, -1.0, 1.0)
        else:
            found = restored(x, s, z, middle, values, GRID, ZERO, LOW, HIGH, VALUES, "f32")
            inner = passing(g, x, s, z, GRID, ZERO, LOW, HIGH)
            terms += g * found - inner * x
            outer += g - inner
        if GRID == "centred":
            outer += g
            ups += tl.where(kept, signs(x, middle, GRID), 0.0)
        elif STEP == "learned":
            ups += kept.to(tl.float32)
        elif STEP == "range" and ZERO == 0:
            # ±max where the largest are: their number is Σ|±max| / max
            ups += tl.abs(tl.where(tl.abs(x) - top < 0, 0.0, x))
        elif STEP == "range":
            # those that are pruned count, too
            one = (k < L)[None, :].to(tl.float32)
            ups += tl.where(x - high < 0, 0.0, one)
            downs += tl.where(-x - low < 0, 0.0, one)
    return tl.sum(terms, 1), tl.sum(outer, 1), tl.sum(ups, 1), tl.sum(downs, 1)


@triton.jit
def steps(
    terms, outer, ups, downs, s, z, dead, high, low, number, c, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr, STEPS: tl.constexpr,
    STEP: tl.constexpr,
):  # fmt: skip
    """From `sums`: gradients of the two ends, or of each |w|; and their mean if centred, [BG]."""
    up, down, centre = tl.zeros_like(s), tl.zeros_like(s), tl.zeros_like(s)
    if STEP == "range":
        up, down = to_extent(terms, outer, s, z, dead, high, low, c, ZERO, LOW, HIGH, STEPS)
        up, down = shared(up, ups, ZERO), shared(down, downs, ZERO)
    if STEP == "mean":
        up = to_mean(terms, s, dead, number, GRID)
    if GRID == "centred":
        total = outer if STEP == "straight" else s * outer + up * ups
        centre = mean(total.to(tl.float64), number)
    return up, down, centre


@triton.jit
def to_weight(
    g, x, s, z, high, low, middle, up, down, STRAIGHT: tl.constexpr, GRID: tl.constexpr,
    ZERO: tl.constexpr, LOW: tl.constexpr, HIGH: tl.constexpr,
):  # fmt: skip
    """The gradient of weights x [BG, BL]: of themselves, and of the statistics [BG] they are in."""
    RANGE: tl.constexpr = GRID == "integer" or GRID == "half" or GRID == "table"
    g = passing(g, x, s, z, GRID, ZERO, LOW, HIGH)
    if not STRAIGHT:
        up, down = up[:, None], down[:, None]
        if GRID == "binary" or GRID == "centred":
            g = g * s[:, None]
        if not RANGE:
            g += signs(x, middle, GRID) * up
        elif ZERO == 0:
            g += tl.where(tl.abs(x) - greater(high, low)[:, None] < 0, 0.0, x) * up
        else:
            g += tl.where(x - high[:, None] < 0, 0.0, 1.0) * up
            g -= tl.where(-x - low[:, None] < 0, 0.0, 1.0) * down
    return g
