"""Holds the straight-through estimator: a value of the forward pass, the gradient of another."""

from typing import Any

import torch
from torch import Tensor

from qdsl.ir.format import FloatType

DTYPES = {
    FloatType.F32: torch.float32,
    FloatType.F16: torch.float16,
    FloatType.BF16: torch.bfloat16,
}


class _StraightThrough(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, value: Tensor) -> Tensor:
        return value.view_as(value)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        return gradients[0], None


def straight_through(x: Tensor, value: Tensor) -> Tensor:
    """`value` forward, the gradient of `x` backward (arXiv 1308.3432)."""
    result: Tensor = _StraightThrough.apply(x, value)  # type: ignore[no-untyped-call]
    return result


def quotient(a: Tensor | float, b: Tensor | float) -> Tensor:
    """a / b by IEEE; torch itself multiplies by a reciprocal where one side is a number."""
    like = a if isinstance(a, Tensor) else b
    assert isinstance(like, Tensor)
    top, bottom = (x if isinstance(x, Tensor) else like.new_full((), x) for x in (a, b))
    return top / bottom


def rounded(x: Tensor) -> Tensor:
    """To the nearest integer, ties to even; gradient 1."""
    return straight_through(x, torch.round(x))


def stored(x: Tensor, type: FloatType) -> Tensor:
    """f32 values as they come back from storage in that type; gradient 1."""
    if type is FloatType.F32:
        return x
    return straight_through(x, x.detach().to(DTYPES[type]).to(torch.float32))
