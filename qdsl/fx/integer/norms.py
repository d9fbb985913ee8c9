"""Normalises int16 codes over the last axis, n ≤ 2^16 of them.

The scale of x cancels: z = (n·q - Σq) / sqrt(n·Σq² - (Σq)² + ε) with exact integer sums, the root
rounded down, z in steps of 2^-16.
"""

import torch
from torch import Tensor

from qdsl.fx.integer.arithmetic import scale_and_shift
from qdsl.fx.integer.codes import STEPS
from qdsl.fx.integer.rounding import Multiplier, divided, square_root

FRACTION = 16
_MOST_EPSILON = 1 << 61


def layer_norm(x: Tensor, gain: Multiplier, offset: Tensor, epsilon: Tensor) -> Tensor:
    """int16 [..., n]: z · gain [n] + offset i32 [n]; gain is γ · 2^-16 over a step of the result.

    |z| ≤ sqrt(n), so z · 2^16 < 2^25; `epsilon` i64 [] is ε in squares of n steps of x.
    """
    q = x.long()
    n = q.shape[-1]
    total = q.sum(-1, keepdim=True)
    variance = (n * (q * q).sum(-1, keepdim=True) - total * total) + epsilon
    root = square_root(variance).clamp(min=1)
    z = divided((n * q - total) << FRACTION, root)
    return scale_and_shift(z, gain, offset)


def epsilon_codes(epsilon: float, n: int, scale: Tensor) -> Tensor:
    """i64 []: round(n²·ε / (s/256)²) in float64, at most 2^61."""
    step = scale.double() / STEPS
    codes = torch.round(n * n * epsilon / (step * step))
    return codes.clamp(max=float(_MOST_EPSILON)).long()
