"""Rounds both operands of a product of two tensors: to dynamic int8, in static ranges, to bf16."""

import torch
from torch import Tensor

from qdsl.fx.activations import (
    BF16,
    code_range,
    fake_quantize,
    fake_quantize_over,
    quantize_over,
    to_bf16,
)
from qdsl.fx.numerics.static import centred
from qdsl.target import DYNAMIC, FLOATS

Range = tuple[Tensor | None, Tensor | None]  # scale and zero


def rounded(equation: str, x: Tensor, y: Tensor, activations: str) -> Tensor:
    """The einsum of operands rounded to dynamic int8 or bf16, for training; gradient 1."""
    if activations == BF16:
        return torch.einsum(equation, *(fake_quantize(o, activations) for o in (x, y)))
    pairs = zip((x, y), _axes(equation, activations), strict=True)
    return torch.einsum(equation, *(fake_quantize_over(o, axes) for o, axes in pairs))


def matmul(
    equation: str, x: Tensor, y: Tensor, activations: str, left: Range, right: Range
) -> Tensor:
    """f32(Σ (q_x - z_x)·(q_y - z_y)) · (s_x·s_y), the sum exact, each step rounded.

    `int8_token` has a scale for every position of the axes that are not summed over, `int8_tensor`
    one for each example; of static ranges one is for all. `f32` and `bf16` have none. The result
    has the type of x.
    """
    if activations == BF16:
        x, y = to_bf16(x), to_bf16(y)
    if activations in FLOATS:
        return _exact(equation, x, y).to(x.dtype).contiguous()
    return _integers(equation, x, y, activations, left, right).to(x.dtype).contiguous()


def _integers(
    equation: str, x: Tensor, y: Tensor, activations: str, left: Range, right: Range
) -> Tensor:
    if left[0] is None or right[0] is None:
        return _dynamic(equation, x, y, activations)
    span = code_range(activations)
    a = centred(x, left[0], left[1], span)
    b = centred(y, right[0], right[1], span)
    return _exact(equation, a, b) * (left[0] * right[0]).reshape(())


def _dynamic(equation: str, x: Tensor, y: Tensor, activations: str) -> Tensor:
    pairs = zip((x, y), _axes(equation, activations), strict=True)
    (a, scale_a), (b, scale_b) = (quantize_over(o, axes) for o, axes in pairs)
    given, _, result = equation.partition("->")
    left, _, right = given.partition(",")
    scale = _placed(scale_a, left, result) * _placed(scale_b, right, result)
    return _exact(equation, a, b) * scale


def _exact(equation: str, a: Tensor, b: Tensor) -> Tensor:
    return torch.einsum(equation, a.double(), b.double()).float()


def _placed(scale: Tensor, axes: str, result: str) -> Tensor:
    """A scale, 1 long on axes that are summed over, with the axes of the result."""
    scale = scale.squeeze(tuple(i for i, a in enumerate(axes) if a not in result))
    left = [a for a in axes if a in result]
    scale = scale.permute([left.index(a) for a in result if a in axes])
    for i, a in enumerate(result):
        if a not in axes:
            scale = scale.unsqueeze(i)
    return scale


def _axes(equation: str, activations: str) -> tuple[tuple[int, ...], ...]:
    """Of each operand the axes over which a scale is shared."""
    if activations not in DYNAMIC:
        raise ValueError(f"activations `{activations}`")
    given, _, result = equation.partition("->")
    found = []
    for letters in given.split(","):
        summed = tuple(i for i, a in enumerate(letters) if a not in result)
        if activations == "int8_tensor":
            first = 1 if letters[:1] and letters[0] in result else 0
            summed = tuple(range(first, len(letters)))
        found.append(summed)
    return tuple(found)
