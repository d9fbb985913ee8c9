"""Divides integers and scales them by real numbers, rounding once, to nearest with ties to even."""

from dataclasses import dataclass

import torch
from torch import Tensor

MOST_SHIFT = 62
INT31_MAX = 2**31 - 1


def shifted(x: Tensor, shift: Tensor | int) -> Tensor:
    """x / 2^shift for i64 |x| < 2^63 - 2^61 and a shift of 0 to 62."""
    if isinstance(shift, int):
        shift = torch.full((), shift, dtype=torch.int64, device=x.device)
    any = (shift > 0).long()
    half = (torch.ones_like(any) << shift) >> 1
    # one less than half rounds a tie down, and the last bit of an odd number up again
    odd = (x >> shift) & any
    return (x + (half - any) + odd) >> shift


def divided(x: Tensor, by: Tensor) -> Tensor:
    """x / by for i64 x and 0 < by < 2^62."""
    floor = torch.div(x, by, rounding_mode="floor")
    rest = (x - floor * by) << 1
    return floor + ((rest > by) | ((rest == by) & (floor & 1 == 1)))


def square_root(x: Tensor) -> Tensor:
    """floor(sqrt(x)) of i64 x ≥ 0, exact, by Newton's method from above."""
    # 2^ceil(bits/2) is no less than the root
    bits = torch.zeros_like(x)
    rest = x
    for step in (32, 16, 8, 4, 2, 1):
        large = rest >= (1 << step)
        bits, rest = bits + step * large, torch.where(large, rest >> step, rest)
    root = torch.ones_like(x) << ((bits + 2) >> 1)
    while True:
        better = (root + torch.div(x, root.clamp(min=1), rounding_mode="floor")) >> 1
        if bool((better >= root).all()):
            return root
        root = torch.minimum(root, better)


@dataclass(frozen=True, slots=True)
class Multiplier:
    """Numbers as mantissa / 2^shift: i32 mantissas of 31 bits and a sign, i32 shifts 0 to 62."""

    mantissa: Tensor
    shift: Tensor

    def each(self) -> "Multiplier":
        """Of [..., 1], one number each: without the last axis."""
        return Multiplier(self.mantissa[..., 0], self.shift[..., 0])


def multiplier(real: Tensor) -> Multiplier:
    """Each number of real f64 with a shift of its own, or several in its last axis with one.

    For f64 [..., G] the shifts are [..., 1], those of the largest of each row: sums of products
    with the mantissas of a row have one denominator. Numbers from 2^31 on saturate.
    """
    _, exponent = torch.frexp(real.abs().amax(-1, keepdim=True))
    shift = (31 - exponent.long()).clamp(0, MOST_SHIFT)
    power = (torch.ones_like(shift) << shift).double()
    mantissa = torch.round(real * power).clamp(-INT31_MAX, INT31_MAX)
    return Multiplier(mantissa.to(torch.int32), shift.to(torch.int32))


def scaled(x: Tensor, by: Multiplier) -> Tensor:
    """round(x · mantissa / 2^shift) for i64 |x| < 2^31, element by element."""
    return shifted(x * by.mantissa.long(), by.shift.long())
