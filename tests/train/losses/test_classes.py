"""Holds cross entropy, the connectionist loss and distillation to their definitions."""

from itertools import product

import pytest
import torch
from torch import Tensor

from qdsl.train.losses.ce import IGNORED, ce_loss, ce_losses
from qdsl.train.losses.ctc import ctc_losses, feasible
from qdsl.train.losses.distillation import divergences


@pytest.fixture
def logits() -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randn(2, 4, 3, generator=generator).requires_grad_()


# ---- cross entropy -----------------------------------------------------------------------------


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_smoothing_wants_a_little_of_every_class(logits: Tensor, smoothing: float) -> None:
    targets = torch.tensor([[0, 2, 1, 1], [2, 0, 0, 1]])
    wanted = torch.full(logits.shape, smoothing / 3)
    wanted = wanted.scatter_add(-1, targets[..., None], torch.full((2, 4, 1), 1 - smoothing))
    expected = -(wanted * logits.log_softmax(-1)).sum(-1)
    torch.testing.assert_close(ce_losses(logits, targets, smoothing=smoothing), expected)


def test_ignored_targets_count_nowhere(logits: Tensor) -> None:
    targets = torch.tensor([[0, IGNORED, 1, 1], [2, 0, 0, IGNORED]])
    loss = ce_loss(logits, targets, smoothing=0.1)
    kept = targets != IGNORED
    torch.testing.assert_close(loss, ce_losses(logits[kept], targets[kept], smoothing=0.1).mean())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert gradient[~kept].eq(0).all()
    assert ce_loss(logits, torch.full((2, 4), IGNORED)) == 0


# ---- connectionist temporal classification -----------------------------------------------------


def enumerated(log_probs: Tensor, target: list[int], blank: int) -> Tensor:
    """-log of the summed probability of every path that collapses to the target."""
    paths = []
    for path in product(range(log_probs.shape[-1]), repeat=len(log_probs)):
        changes = [k for i, k in enumerate(path) if i == 0 or k != path[i - 1]]
        if [k for k in changes if k != blank] == target:
            paths.append(sum(log_probs[i, k] for i, k in enumerate(path)))
    return -torch.stack([torch.as_tensor(p) for p in paths]).logsumexp(0)


@pytest.mark.parametrize("blank", [0, 2])
def test_equals_the_sum_over_paths(logits: Tensor, blank: int) -> None:
    one, two = [k for k in range(3) if k != blank]
    targets = torch.tensor([[one, one], [two, -7]])
    lengths, labels = torch.tensor([4, 3]), torch.tensor([2, 1])
    losses = ctc_losses(logits, targets, lengths, labels, blank=blank)
    log_probs = logits.log_softmax(-1)
    expected = [
        enumerated(log_probs[0], [one, one], blank),
        enumerated(log_probs[1, :3], [two], blank),
    ]
    torch.testing.assert_close(losses, torch.stack(expected))
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    (right,) = torch.autograd.grad(sum(expected), logits)  # type: ignore[arg-type]
    torch.testing.assert_close(gradient, right)


def test_padding_is_never_read(logits: Tensor) -> None:
    spoilt = logits.detach().clone()
    spoilt[1, 2:] = float("nan")
    spoilt.requires_grad_()
    losses = ctc_losses(spoilt, torch.tensor([[1], [2]]), torch.tensor([4, 2]), torch.ones(2).int())
    (gradient,) = torch.autograd.grad(losses.sum(), spoilt)
    assert losses.isfinite().all()
    assert gradient[1, 2:].eq(0).all()


def test_an_utterance_with_too_few_frames_costs_nothing(logits: Tensor) -> None:
    targets, labels = torch.tensor([[1, 1, 2], [1, 2, 1]]), torch.tensor([3, 3])
    frames = torch.tensor([3, 3])
    assert feasible(targets, frames, labels).tolist() == [False, True]
    losses = ctc_losses(logits, targets, frames, labels)
    (gradient,) = torch.autograd.grad(losses.sum(), logits)
    assert losses[0] == 0 < losses[1]
    assert gradient[0].eq(0).all()
    assert gradient[1].abs().sum() > 0


# ---- distillation ------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [1.0, 2.5])
def test_divergence_is_that_of_softened_classes(logits: Tensor, temperature: float) -> None:
    teacher = logits.detach().flip(-1).requires_grad_()
    found = divergences(logits, teacher, temperature=temperature)
    p, q = (teacher / temperature).softmax(-1), (logits / temperature).softmax(-1)
    expected = (p * (p / q).log()).sum(-1) * temperature**2
    torch.testing.assert_close(found, expected)
    found.sum().backward()
    assert teacher.grad is None
    assert logits.grad is not None
    # of the softened cross entropy, times T^2 (arXiv 1503.02531, section 2)
    torch.testing.assert_close(logits.grad, (q - p).detach() * temperature)


def test_a_barred_class_of_both_is_no_obstacle() -> None:
    barred = torch.tensor([0.5, 1.0, float("-inf")])
    assert divergences(barred, barred) == 0
