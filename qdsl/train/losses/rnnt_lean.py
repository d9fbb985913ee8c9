"""Computes the RNN transducer loss without ever holding the logits of all frames at once."""

from collections.abc import Callable

from torch import Tensor

from qdsl.train.lattice import Lattice, precision
from qdsl.train.losses.rnnt import rnnt_losses
from qdsl.train.parts import by_parts

Join = Callable[[Tensor, Tensor], Tensor]
"""Frames [B, S, d] and states [B, P, e] to logits [B, S, P, V], each frame for itself."""


def lean_rnnt_losses(
    join: Join,
    frames: Tensor,
    states: Tensor,
    targets: Tensor,
    frame_lengths: Tensor,
    target_lengths: Tensor,
    *,
    part: int,
    blank: int = 0,
    windows: Tensor | None = None,
) -> Tensor:
    """What `rnnt_losses` gives of join(frames, states), f32[B] in nats; `part` frames at a time.

    frames f32[B, S, d], states f32[B, U + 1, e]. The joint runs on `part` frames, and again in the
    backward pass: logits of more than [B, part, U + 1, V] never exist. Observers see
    `part` frames of all, in one call. Gradients of frames,
    states and the joint's parameters are those of the plain loss. Raises ValueError when shapes
    or lengths do not fit.
    """
    lengths, steps = (frame_lengths, target_lengths), frames.shape[1]
    if part >= steps:
        return rnnt_losses(join(frames, states), targets, *lengths, blank=blank, windows=windows)
    lattice = Lattice.of(targets, *lengths, steps=steps, blank=blank, windows=windows)

    def arcs(start: int, some: Tensor) -> tuple[Tensor, Tensor]:
        return lattice.arcs(lattice.log_probs(join(some, states), start))

    stay, move = by_parts(arcs, [frames], part, lambda some: join(some, states))
    return -lattice.log_likelihood(stay, move).to(precision(frames))
