"""Multiplies int8 codes: linear maps, convolutions and products of two values.

Sums over K ≤ 2^16 terms stay below 2^31: |int8| ≤ 127 and |q - z| ≤ 255. They are taken in float64,
which is exact below 2^53 in any order.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx.integer.codes import wide
from qdsl.fx.integer.rounding import Multiplier, scaled, shifted

MOST_TERMS = 1 << 16
BIAS_MAX = 1 << 30


def sums(x: Tensor, weight: Tensor, parts: int, size: int) -> Tensor:
    """x int8 [..., parts·K], centred weight [N, K] → i64 [..., N, G], a sum per `size` of K.

    Output n reads part n // (N / parts) of x. The last group of a row may be shorter.
    """
    outputs, k = weight.shape
    groups = -(-k // size)
    spare = groups * size - k
    rows, weight = x.double().reshape(-1, parts, k), weight.double()
    if spare:
        rows, weight = F.pad(rows, (0, spare)), F.pad(weight, (0, spare))
    left = rows.view(-1, parts, groups, size).permute(1, 2, 0, 3)
    right = weight.reshape(parts, outputs // parts, groups, size).permute(0, 2, 3, 1)
    found = (left @ right).permute(2, 0, 3, 1).long()  # [rows, parts, N / parts, groups]
    return found.reshape(*x.shape[:-1], outputs, groups)


def terms(
    x: Tensor, weight: Tensor, bias: Tensor | None, mantissa: Tensor, size: int, parts: int = 1
) -> Tensor:
    """i64 [..., N] over 2^shift: the groups' sums times mantissa [N, G], and bias i32 [N] times
    the largest of its row.

    Exact: sums are below 2^31 in all, |bias| ≤ 2^30, mantissas have 31 bits.
    """
    total = (sums(x, weight, parts, size) * mantissa.long()).sum(-1)
    return total if bias is None else total + bias.long() * mantissa.long().amax(-1)


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, by: Multiplier, size: int, parts: int = 1
) -> Tensor:
    """`terms` rounded once, int16 [..., N]."""
    return wide(shifted(terms(x, weight, bias, by.mantissa, size, parts), by.shift[:, 0]))


def bias_codes(bias: Tensor, unit: Tensor) -> Tensor:
    """i32 round(bias / unit) within ±2^30; `unit` f64 is the largest s_x·s_w of each row."""
    codes = torch.round(bias.double() / unit)
    return codes.clamp(-BIAS_MAX, BIAS_MAX).to(torch.int32)


def einsum(equation: str, a: Tensor, b: Tensor, by: Multiplier) -> Tensor:
    """int16 product of two int8 tensors; `by` []."""
    return wide(scaled(torch.einsum(equation, a.double(), b.double()).long(), by))
