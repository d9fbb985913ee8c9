"""Takes statistics of parts of a weight that has one scale."""

import triton
import triton.language as tl

from qdsl_gpu.groups import extent, number_above, number_kept, total
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.tensors import keep, middle_of_tensor, part


@triton.jit
def tensor_parts(
    w, mask, parts, elements, span, STAGE: tl.constexpr, MASK: tl.constexpr, GRID: tl.constexpr,
    SIZE: tl.constexpr, BL: tl.constexpr,
):  # fmt: skip
    """w f32 [elements] → parts f64 [4, programs], of which SIZE is no less than there are.

    Stage 0 writes max(w, 0) and max(-w, 0), or of grids by means Σ|w| (centred Σw) and how many are
    kept. Stage 1 reads that, and writes Σ|w - mean|, or Σ|w| and the number above the threshold.
    """
    begin, columns = part(elements, span)
    zero = tl.zeros((1,), tl.float32)
    if STAGE == 0:
        if GRID == "integer" or GRID == "half" or GRID == "table":
            one, two = extent(w, mask, begin, columns, span, MASK, 1, BL)
        else:
            SIGNED: tl.constexpr = GRID == "centred"
            one = total(w, mask, begin, columns, span, zero, zero, SIGNED, MASK, 1, BL)
            two = number_kept(w, mask, begin, columns, span, MASK, 1, BL)
    else:
        middle, two = middle_of_tensor(parts, GRID, SIZE)
        if GRID == "threshold":
            one = total(w, mask, begin, columns, span, zero, middle, False, MASK, 1, BL)
            two = number_above(w, mask, begin, columns, span, middle, MASK, 1, BL)
        else:
            one = total(w, mask, begin, columns, span, middle, zero, False, MASK, 1, BL)
    keep(parts, 2 * STAGE, one)
    keep(parts, 2 * STAGE + 1, two)


def _variant(name: str, stage: int, grid: str, mask: bool) -> Variant:
    types = {"w": "*fp32", "mask": "*u8", "parts": "*fp64", "elements": "i32", "span": "i32"}
    constants = {"STAGE": stage, "MASK": mask, "GRID": grid, "SIZE": 512, "BL": 1024}
    return Variant(name, types, constants, multiples=("elements", "span"))


KERNEL = Kernel(
    tensor_parts,
    (
        _variant("range", 0, "integer", False),
        _variant("mean_2of4", 0, "ternary", True),
        _variant("threshold", 1, "threshold", False),
    ),
)
