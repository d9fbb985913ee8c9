"""Computes the cross entropy of classes or next tokens, with label smoothing."""

import torch
from torch import Tensor

IGNORED = -100
"""Target that says: not this place."""


def ce_losses(logits: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Cross entropy f32[...] of each target in nats, 0 where the target is `IGNORED`.

    logits f32[..., V], targets i64[...]. With `smoothing` e the wanted distribution is 1 - e for
    the target and e / V for every class besides (arXiv 1512.00567, section 7).
    """
    losses = torch.nn.functional.cross_entropy(
        logits.flatten(0, -2).float(),
        targets.flatten(),
        ignore_index=IGNORED,
        label_smoothing=smoothing,
        reduction="none",
    )
    return losses.view(targets.shape)


def ce_loss(logits: Tensor, targets: Tensor, *, smoothing: float = 0.0) -> Tensor:
    """Mean f32[] of `ce_losses` over the targets that are not `IGNORED`; 0 where there is none."""
    kept = (targets != IGNORED).sum().clamp(min=1)
    return ce_losses(logits, targets, smoothing=smoothing).sum() / kept
