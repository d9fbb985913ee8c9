"""Reads rows of a table of codes as int16 codes of the result."""

from torch import Tensor

from qdsl.fx.integer.codes import wide
from qdsl.fx.integer.rounding import Multiplier, scaled


def embedding(ids: Tensor, weight: Tensor, by: Multiplier, size: int) -> Tensor:
    """ids i64 [...], centred weight [R, d] in groups of `size` → int16 [..., d]; `by` [R, G]."""
    mantissa = by.mantissa[ids].repeat_interleave(size, -1)[..., : weight.shape[1]]
    return wide(scaled(weight[ids].long(), Multiplier(mantissa, by.shift[ids])))
