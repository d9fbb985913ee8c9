"""Computes softmax on integers: differences from the largest, numerators, their sum, quotients.

Numerators are at most 2^20 and there are at most 2^16 of them.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from qdsl.fx.integer import polynomials
from qdsl.fx.integer.codes import MASKED, ONE, wide
from qdsl.fx.integer.rounding import Multiplier, divided
from qdsl.fx.integer.tables import decayed

_FARTHEST = (1 << 16) - 1


def by_table(codes: Tensor, axis: int, entries: Tensor) -> Tensor:
    """int16 at scale UNIT: `decayed` by `decay_table`'s entries, over the sum of all."""
    return _shares(codes, axis, lambda d: decayed(d, entries))


def by_polynomial(codes: Tensor, axis: int, by: Multiplier) -> Tensor:
    """The same with exp of `polynomials`; `by` [] takes a code to Q20."""
    return _shares(codes, axis, lambda d: polynomials.decay(polynomials.fixed_point(d, by)))


def _shares(codes: Tensor, axis: int, numerator: Callable[[Tensor], Tensor]) -> Tensor:
    """A masked position has share 0, and where all are masked all have."""
    masked, q = codes == MASKED, codes.long()
    above = q.amax(axis, keepdim=True) - q
    # the numerator of what is masked is computed for nothing, in range
    shares = torch.where(masked, 0, numerator(above.clamp(max=_FARTHEST)))
    total = shares.sum(axis, keepdim=True).clamp(min=1)
    return wide(divided(shares * ONE, total))
