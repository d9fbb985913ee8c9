"""Computes a function by parts of the frames, each part anew in the backward pass."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

Part = Callable[..., tuple[Tensor, ...]]


def by_parts(function: Part, frames: Sequence[Tensor], size: int) -> tuple[Tensor, ...]:
    """function(start, *frames[:, start : start + size]) for all starts, joined along axis 1.

    frames [B, S, ...]; so are the results of the function, with the frames of its part. What it
    computes on the way is not kept for the backward pass, but computed again, part by part; where
    one part holds all frames it is kept. Parameters that it reads get their gradients.
    """
    steps = frames[0].shape[1]
    if steps <= size or not torch.is_grad_enabled():
        return _joined([function(s, *_cut(frames, s, size)) for s in range(0, steps, size)])
    parts = [
        checkpoint(function, start, *_cut(frames, start, size), use_reentrant=False)
        for start in range(0, steps, size)
    ]
    return _joined(parts)


def _cut(frames: Sequence[Tensor], start: int, size: int) -> list[Tensor]:
    return [f[:, start : start + size] for f in frames]


def _joined(parts: Sequence[tuple[Tensor, ...]]) -> tuple[Tensor, ...]:
    return tuple(torch.cat(column, dim=1) for column in zip(*parts, strict=True))
