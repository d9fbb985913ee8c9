"""Computes how far a student's classes are from its teacher's (arXiv 1503.02531)."""

import torch
from torch import Tensor


def divergences(student: Tensor, teacher: Tensor, *, temperature: float = 1.0) -> Tensor:
    """KL divergence f32[...] of the student from the teacher at each place, in nats.

    Logits (or log-probabilities) f32[..., V] both; divided by the temperature, and the divergence
    times its square, so that gradients keep their size. Only the student gets a gradient.
    """
    wanted = (teacher.detach().float() / temperature).log_softmax(-1)
    given = (student.float() / temperature).log_softmax(-1)
    return divergence(wanted, given) * temperature**2


def divergence(wanted: Tensor, given: Tensor) -> Tensor:
    """sum p (log p - log q) over the last axis of log-probabilities; 0 log 0 is 0."""
    terms = wanted.exp() * (wanted - given)
    return torch.where(wanted.isneginf(), 0.0, terms).sum(-1)
