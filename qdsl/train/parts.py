"""Computes a function by parts of the frames, each part anew in the backward pass."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from qdsl.fx.observing import observing_paused

Part = Callable[..., tuple[Tensor, ...]]


def by_parts(
    function: Part, frames: Sequence[Tensor], size: int, look: Callable[..., object]
) -> tuple[Tensor, ...]:
    """function(start, *frames[:, start : start + size]) for all starts, joined along axis 1.

    frames [B, S, ...]; so are the results of the function, with the frames of its part. What it
    computes on the way is not kept for the backward pass, but computed again, part by part; where
    one part holds all frames it is kept. Parameters that it reads get their gradients.

    Observers see one call, however many parts there are, which processes may differ in:
    look(*some), of `size` frames spread over all, which runs the layers of the function.
    """
    steps = frames[0].shape[1]
    if steps <= size:
        return function(0, *frames)
    _show(look, frames, size)

    def part(start: int, *some: Tensor) -> tuple[Tensor, ...]:
        with observing_paused():
            return function(start, *some)

    kept = torch.is_grad_enabled()
    parts = []
    for start in range(0, steps, size):
        some = [f[:, start : start + size] for f in frames]
        found = checkpoint(part, start, *some, use_reentrant=False) if kept else part(start, *some)
        parts.append(found)
    return tuple(torch.cat(column, dim=1) for column in zip(*parts, strict=True))


@torch.no_grad()
def _show(look: Callable[..., object], frames: Sequence[Tensor], size: int) -> None:
    steps = frames[0].shape[1]
    spread = torch.arange(size, device=frames[0].device) * steps // size
    look(*(f.index_select(1, spread) for f in frames))
    torch.clear_autocast_cache()  # casts of weights without gradients, which would be used on
