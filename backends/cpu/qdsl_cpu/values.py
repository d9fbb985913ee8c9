"""Implements the operations of `qdsl::` on values that are rounded: products of two, and alone."""

import re
from functools import cache, lru_cache
from typing import Final

import torch
from torch import Tensor

from qdsl_cpu import _native

_FLOAT32: Final = torch.float32
_DYNAMIC: Final = {"int8_token": False, "int8_tensor": True}


def matmul(
    x: Tensor,
    y: Tensor,
    equation: str,
    activations: str,
    left_scale: Tensor | None = None,
    left_zero: Tensor | None = None,
    right_scale: Tensor | None = None,
    right_zero: Tensor | None = None,
) -> Tensor:
    """Float32 einsum of x and y rounded to integers, of any strides; exact sums.

    activations: int8 with a dynamic scale for every position that is not summed over
    ("int8_token") or for each entry of the first axis ("int8_tensor"), or the word of a static
    range, whose scales and zeros are given. Raises ValueError where shapes, dtypes or the equation
    do not fit, among them an axis that occurs twice in a term.
    """
    if x.dtype is not _FLOAT32 or y.dtype is not _FLOAT32:
        raise ValueError(f"a product takes float32, not {x.dtype} and {y.dtype}")
    shape = _result_shape(equation, x.shape, y.shape)
    out = x.new_empty(shape)
    _native.matmul(
        (x.data_ptr(), x.shape, x.stride()),
        (y.data_ptr(), y.shape, y.stride()),
        equation,
        out.data_ptr(),
        _DYNAMIC.get(activations, False),
        fixed_range(activations, left_scale, left_zero),
        fixed_range(activations, right_scale, right_zero),
    )
    return out


def round(
    x: Tensor, activations: str, scale: Tensor | None = None, zero: Tensor | None = None
) -> Tensor:
    """x float32 rounded, as float32 again: codes · s, or s·(q - z) in a static range."""
    if x.dtype is not _FLOAT32:
        raise ValueError(f"`round` takes float32, not {x.dtype}")
    x = x.contiguous()
    y = torch.empty_like(x)
    shared = _DYNAMIC.get(activations, False)
    width = x.shape[-1] if x.dim() else 1
    rows = y.numel() // width if width else 0
    examples = x.shape[0] if shared and x.dim() > 1 else 1
    _native.round(
        x.data_ptr(),
        examples,
        rows // examples if examples else 0,
        width,
        y.data_ptr(),
        shared,
        fixed_range(activations, scale, zero),
    )
    return y


def register(library: torch.library.Library) -> None:
    """Makes these the implementations of `matmul` and `round`."""
    for function in (matmul, round):
        library.impl(function.__name__, function, "CPU")  # type: ignore[no-untyped-call]


def fixed_range(
    activations: str, scale: Tensor | None, zero: Tensor | None
) -> tuple[float, float, float, float] | None:
    """Scale, zero, lowest and highest code of a static range; None for dynamic int8.

    Raises ValueError for a word that is neither, and for a range without its scale.
    """
    if activations in _DYNAMIC:
        return None
    lowest, highest = code_range(activations)
    if scale is None:
        raise ValueError(f"`{activations}` needs a scale")
    return scale.item(), 0.0 if zero is None else zero.item(), lowest, highest


@cache
def code_range(activations: str) -> tuple[float, float]:
    """Lowest and highest code of a static word: `int8_static` is narrow, `_full` is not."""
    match = re.fullmatch(r"(u?)int([2-8])_static(_full)?", activations)
    if match is None:
        raise ValueError(f"activations `{activations}`")
    if match[1]:
        return 0.0, float((1 << int(match[2])) - 1)
    highest = (1 << (int(match[2]) - 1)) - 1
    return float(-highest - (match[3] is not None)), float(highest)


@lru_cache(maxsize=256)
def _result_shape(equation: str, x: torch.Size, y: torch.Size) -> list[int]:
    given, _, result = equation.partition("->")
    left, _, right = given.partition(",")
    if len(left) != len(x) or len(right) != len(y):
        raise ValueError(f"`{equation}` of shapes {list(x)} and {list(y)}")
    sizes = dict(zip(left + right, (*x, *y), strict=True))
    if unknown := [letter for letter in result if letter not in sizes]:
        raise ValueError(f"axis `{unknown[0]}` of `{equation}` is in neither operand")
    return [sizes[letter] for letter in result]
