"""Composes convolutions with packed weights of products of rows: patches, one per position."""

from collections.abc import Callable, Sequence
from math import prod

from torch import Tensor

from qdsl.fx import operations

Padding = tuple[tuple[int, int], ...]


def convolution(
    linear: Callable[..., Tensor],
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_channels: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    activations: str,
    *range: Tensor | None,
    grouped: Callable[..., Tensor] | None = None,
) -> Tensor:
    """x f32 [B, spatial…, in] → [B, positions…, out_channels]; a token is what a position reads.

    `padding` is before and after per spatial axis; `linear` is that of `qdsl::`. With groups > 1
    `grouped` takes rows [..., groups·K], what each group reads side by side; raises ValueError
    where there is none.
    """
    rows = operations.patches(x, tuple(kernel), tuple(stride), pairs(padding), tuple(dilation))
    if groups == 1:
        return linear(rows, weight, bias, out_channels, activations, *range)
    if grouped is None:
        raise ValueError("this back end has no convolution in groups")
    rows = operations.grouped_rows(rows, groups, rows.shape[-1] // prod(kernel))
    return grouped(rows, weight, bias, out_channels, groups, activations, *range)


def pairs(padding: Sequence[int]) -> Padding:
    """Before and after of each axis."""
    return tuple(zip(padding[::2], padding[1::2], strict=True))
