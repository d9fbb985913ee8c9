"""Computes the RNN transducer loss, exactly, in plain torch (arXiv 1211.3711)."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from qdsl.train.lattice import Lattice, precision


def rnnt_loss(
    logits: Tensor,
    targets: Tensor,
    frame_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    windows: Tensor | None = None,
) -> Tensor:
    """Mean over utterances f32[] of what `rnnt_losses` gives."""
    return rnnt_losses(
        logits, targets, frame_lengths, target_lengths, blank=blank, windows=windows
    ).mean()


def rnnt_losses(
    logits: Tensor,
    targets: Tensor,
    frame_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    windows: Tensor | None = None,
) -> Tensor:
    """Negative log-probability of the targets of each utterance f32[B], in nats.

    logits f32[B, S, U + 1, V] (unnormalised; log-probabilities, as a HAT joint gives them, are
    what they are normalised to), targets i64[B, U] without blanks, frame_lengths i64[B] in 1..S,
    target_lengths i64[B] in 0..U. What lies beyond a length (frames, label positions, target ids)
    is never read and gets a gradient of zero, whatever it holds. An utterance with no alignment of
    positive probability costs +inf, with gradient zero.

    With windows i64[B, U, 2] only those alignments count that emit label u in a frame from
    windows[..., 0] to windows[..., 1], both included (Mahadeokar et al., "Alignment Restricted
    Streaming Recurrent Neural Network Transducer", 2020).

    Raises ValueError when shapes or lengths do not fit.
    """
    batch, steps, states, _ = logits.shape
    if targets.shape != (batch, states - 1):
        raise ValueError(f"targets are {tuple(targets.shape)}, not {(batch, states - 1)}")
    lattice = Lattice.of(
        targets, frame_lengths, target_lengths, steps=steps, blank=blank, windows=windows
    )
    losses: Tensor = _Transducer.apply(logits, lattice)  # type: ignore[no-untyped-call]
    return losses


class _Transducer(torch.autograd.Function):
    """Loss per utterance, with the gradient from one forward and one backward recursion."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, lattice: Lattice) -> Tensor:
        log_probs = lattice.log_probs(logits)
        total, stay, move = lattice.posteriors(*lattice.arcs(log_probs))
        ctx.save_for_backward(log_probs, stay, move)
        ctx.lattice, ctx.dtype = lattice, logits.dtype
        return -total.to(precision(logits))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        log_probs, stay, move = ctx.saved_tensors
        index = ctx.lattice.index(log_probs.shape[1])
        gradient = log_probs.exp() * (stay + move)[..., None]
        gradient[..., ctx.lattice.blank] -= stay
        gradient.scatter_add_(-1, index, -move[..., None])
        return (gradient * grad[:, None, None, None]).to(ctx.dtype), None
