"""Sums the inputs that weights meet, by which masks may rank them: |w|·Σ|x| (arXiv 2306.11695)."""

from math import prod

import torch
import torch.distributed as dist
from torch import Tensor

from qdsl.fx import operations
from qdsl.fx.observing import is_paused
from qdsl.fx.operations import Padding


def score(matrix: Tensor, inputs: Tensor | None) -> Tensor:
    """A mask ranks the weights [N, K] by its magnitude: w·Σ|x|, or w where all inputs were 0.

    inputs: Σ|x|, f32 [parts, K]: outputs come in as many equal parts, each with its own inputs.
    """
    size = matrix.detach()
    if inputs is None:
        return size
    parts, k = inputs.shape
    weighted = size.view(parts, -1, k) * inputs.unsqueeze(1)
    return torch.where(inputs.any(), weighted.view_as(size), size)


def observe(x: Tensor, inputs: Tensor, training: bool) -> Tensor:
    """x [..., K]; adds Σ|x| over all but the last axis to inputs [1, K], in training."""
    if training and not is_paused():
        _add(inputs, x.detach().abs().reshape(-1, x.shape[-1]).sum(0))
    return x


def observe_patches(
    x: Tensor,
    inputs: Tensor,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: Padding,
    dilation: tuple[int, ...],
    training: bool,
) -> Tensor:
    """x [B, spatial…, in]; adds the same of what a convolution reads to inputs [groups, K]."""
    if training and not is_paused():
        rows = operations.patches(x.detach().abs(), kernel, stride, padding, dilation)
        total = rows.reshape(-1, rows.shape[-1]).sum(0)
        # positions · (groups · inputs of a group) → groups, positions · inputs of a group
        split = total.view(prod(kernel), inputs.shape[0], -1)
        _add(inputs, split.transpose(0, 1).reshape(inputs.shape))
    return x


def observe_states(y: Tensor, inputs: Tensor, h: Tensor, training: bool) -> Tensor:
    """y [B, T, H]; adds the same of the states that a recurrence reads: h [B, H], then y."""
    if training and not is_paused():
        _add(inputs, h.detach().abs().sum(0) + y.detach()[:, :-1].abs().sum((0, 1)))
    return y


def _add(inputs: Tensor, total: Tensor) -> None:
    """Adds what all replicas have seen, so that their masks are the same."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(total)
    inputs += total
