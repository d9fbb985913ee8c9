"""Computes expected word errors over a list of hypotheses (arXiv 1911.12487)."""

import torch
from torch import Tensor


def expected_errors(scores: Tensor, errors: Tensor, kept: Tensor) -> Tensor:
    """Errors f32[B] that one expects of each utterance, over its list of N hypotheses.

    scores f32[B, N] are the full-sum log-probabilities of the hypotheses in nats, errors [B, N]
    their edit distances in words to what was said; `kept` bool[B, N] is false where a list is
    shorter than N. Hypotheses of a list are distinct. With P the softmax of the scores over a list:

        L = sum_i P_i R_i,    dL/dscore_i = P_i (R_i - L)

    An utterance whose hypotheses are all of probability 0 costs 0.
    """
    dtype = scores.dtype
    scores = scores.double().masked_fill(~(kept & scores.isfinite()), float("-inf"))
    dead = torch.isneginf(scores).all(1, keepdim=True)
    share = scores.masked_fill(dead, 0.0).softmax(1)
    expected = (share * errors.double().masked_fill(~kept, 0.0)).sum(1, keepdim=True)
    return expected.masked_fill(dead, 0.0)[:, 0].to(dtype)


def embr_losses(
    scores: Tensor, errors: Tensor, kept: Tensor, transducer: Tensor, *, mix: float
) -> Tensor:
    """Expected errors plus `mix` times the RNN-T loss of what was said, f32[B]."""
    return expected_errors(scores, errors, kept) + mix * transducer
