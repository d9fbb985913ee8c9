"""Adds, multiplies, divides and reduces int16 codes."""

import torch
from torch import Tensor

from qdsl.fx.integer.codes import MASKED, ONE, STEPS, WIDE_MAX, wide
from qdsl.fx.integer.rounding import INT31_MAX, Multiplier, divided, scaled, shifted
from qdsl.fx.numerics.gradient import quotient

_DIVISION_SHIFT = 46  # |code| · 2^46 < 2^62


def add(a: Tensor, b: Tensor, by: Multiplier, sign: int = 1) -> Tensor:
    """a ± b with broadcasting; `by` [2] are their scales over the result's. Rounded once."""
    first, second = by.mantissa.long().unbind(-1)
    return wide(shifted(a.long() * first + b.long() * second * sign, by.shift.long()))


def multiply(a: Tensor, b: Tensor, by: Multiplier) -> Tensor:
    """a · b; `by` [] is s_a·s_b / 256 over the result's scale. |a·b| ≤ 2^30."""
    return wide(scaled(a.long() * b.long(), by))


def divide(a: Tensor, b: Tensor, by: Multiplier) -> Tensor:
    """a / b; `by` [] is 256·s_a / s_b over the result's scale.

    Rounded once. A divisor of 0 saturates by the sign of a; 0 / 0 is 0.
    """
    shift = by.shift.long().clamp(max=_DIVISION_SHIFT)
    mantissa = shifted(by.mantissa.long(), by.shift - shift)
    top, bottom = a.long() * mantissa, b.long()
    result = divided(top * bottom.sign(), (bottom.abs() << shift).clamp(min=1))
    return wide(torch.where(bottom == 0, a.long().sign() * WIDE_MAX, result))


def scale_and_shift(x: Tensor, by: Multiplier, offset: Tensor) -> Tensor:
    """x [..., C] · by [C] + offset i32 [C], in codes of the result."""
    return wide(scaled(x.long(), by) + offset.long())


def select(condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """`where` on codes of one scale."""
    return torch.where(condition, a, b)


def constant(number: float, scale: Tensor) -> Tensor:
    """The code, int16 [], that a constant of `where` gets; below the range it is MASKED."""
    code = torch.round(quotient(scale.new_full((), number), scale / STEPS))
    return code.clamp(MASKED, WIDE_MAX).to(torch.int16)


def total(x: Tensor, axis: int, keep: bool, by: Multiplier) -> Tensor:
    """The sum over an axis; `by` []. Fewer than 2^16 terms."""
    return wide(scaled(x.long().sum(axis, keepdim=keep), by))


def mean(x: Tensor, axis: int, keep: bool) -> Tensor:
    """The mean over an axis, in the scale of x."""
    count = torch.full((), x.shape[axis], dtype=torch.int64, device=x.device).clamp(min=1)
    return wide(divided(x.long().sum(axis, keepdim=keep), count))


def from_integers(x: Tensor, by: Multiplier) -> Tensor:
    """int16 codes of i64 |x| < 2^31; `by` [] is 256 over the scale."""
    return wide(scaled(x.clamp(-INT31_MAX, INT31_MAX), by))


def from_truth(x: Tensor) -> Tensor:
    """int16 codes of bool x as 0 and 1, at scale UNIT."""
    return x.to(torch.int16) * ONE
