"""Computes the loss of connectionist temporal classification (Graves et al., 2006)."""

import torch
from torch import Tensor


def ctc_losses(
    logits: Tensor,
    targets: Tensor,
    frame_lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
) -> Tensor:
    """Negative log-probability of the targets of each utterance f32[B], in nats.

    logits f32[B, S, V] (or log-probabilities), targets i64[B, U] without blanks, frame_lengths
    i64[B] in 1..S, target_lengths i64[B] in 0..U. What lies beyond a length is never read and gets
    a gradient of zero. An utterance with fewer frames than its labels take (`feasible`) costs 0,
    with gradient zero: one clip with a wrong text is not to stop a training.
    """
    outside = torch.arange(logits.shape[1], device=logits.device) >= frame_lengths[:, None]
    log_probs = logits.masked_fill(outside[..., None], 0.0).float().log_softmax(-1)
    beyond = torch.arange(targets.shape[1], device=targets.device) >= target_lengths[:, None]
    other = 1 if blank == 0 else 0
    losses = torch.nn.functional.ctc_loss(
        log_probs.transpose(0, 1),
        targets.masked_fill(beyond, other),
        frame_lengths,
        target_lengths,
        blank=blank,
        reduction="none",
        zero_infinity=True,
    )
    return losses.masked_fill(~feasible(targets, frame_lengths, target_lengths), 0.0)


def feasible(targets: Tensor, frame_lengths: Tensor, target_lengths: Tensor) -> Tensor:
    """Whether the frames suffice bool[B]: one for each label, one more between equal ones."""
    pair = torch.arange(1, targets.shape[1], device=targets.device) < target_lengths[:, None]
    repeats = ((targets[:, 1:] == targets[:, :-1]) & pair).sum(1)
    return frame_lengths >= target_lengths + repeats
