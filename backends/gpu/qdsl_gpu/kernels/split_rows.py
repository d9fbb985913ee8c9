"""Prepares rows of floats: columns at the places of a weight's, in planes of 16 bits."""

import triton
import triton.language as tl

from qdsl_gpu.decode import bf16_part
from qdsl_gpu.kernel import Kernel, Variant
from qdsl_gpu.places import column_at


@triton.jit
def split_rows(
    x, out, M, K, stride, columns, group, span,
    PLANES: tl.constexpr, SPARSE: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """x floats [M, K], rows `stride` apart → out [PLANES, M, columns], 0 where no column is.

    Groups of `group` columns begin `span` apart. One plane is x rounded to the type of out; three
    bf16 add up to it, of which the first holds what is not finite.
    """
    m = tl.program_id(0).to(tl.int64)
    at = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    column = column_at(at, SPARSE)
    inside = column % span
    k = column // span * group + inside
    value = tl.load(x + m * stride + k, mask=(inside < group) & (k < K), other=0.0).to(tl.float32)
    to = out + m * columns + at
    if PLANES == 1:
        tl.store(to, value.to(out.dtype.element_ty), mask=at < columns)
    else:
        finite = tl.abs(value) < float("inf")
        # rounding keeps a NaN, whose bits may all be in what is cut off
        first = tl.where(finite, bf16_part(value, 0), value.to(tl.bfloat16))
        tl.store(to, first, mask=at < columns)
        value = tl.where(finite, value, 0.0)
        for p in tl.static_range(1, PLANES):
            to += tl.cast(M, tl.int64) * columns
            tl.store(to, bf16_part(value, p), mask=at < columns)


_SIZES = dict.fromkeys(("M", "K", "stride", "columns", "group", "span"), "i32")
_MULTIPLES = ("K", "stride", "columns", "group", "span")


def _variant(name: str, planes: int, **other: int) -> Variant:
    constants = {"PLANES": planes, "SPARSE": False, "BLOCK": 512, **other}
    types = {"x": "*fp32", "out": "*bf16", **_SIZES}
    return Variant(name, types, constants, multiples=_MULTIPLES)


_ONES = _variant("ones", 3, M=1, K=1, stride=1, group=1)
_QUADS = _variant("sparse", 1, SPARSE=True)
KERNEL = Kernel(split_rows, (_variant("planes3", 3), _variant("planes1", 1), _ONES, _QUADS))
