"""Holds expected word errors to their formula, and their gradient to finite differences."""

import pytest
import torch
from torch import Tensor

from qdsl.train.losses.embr import embr_losses, expected_errors
from qdsl.train.losses.rnnt import rnnt_losses

ERRORS = torch.tensor([[0, 1, 3], [2, 1, 7]])
KEPT = torch.tensor([[True, True, True], [True, True, False]])


@pytest.fixture
def scores() -> Tensor:
    found = torch.tensor([[-3.0, -4.0, -5.5], [-90.0, -91.0, 0.0]], dtype=torch.double)
    return found.requires_grad_()


def test_probabilities_are_renormalised_over_the_list(scores: Tensor) -> None:
    p = scores[0].exp() / scores[0].exp().sum()
    q = scores[1, :2].exp() / scores[1, :2].exp().sum()
    wanted = torch.stack([p[1] + 3 * p[2], 2 * q[0] + q[1]])
    torch.testing.assert_close(expected_errors(scores, ERRORS, KEPT), wanted)


def test_gradient_weighs_what_is_worse_than_expected(scores: Tensor) -> None:
    loss = expected_errors(scores, ERRORS, KEPT)
    (gradient,) = torch.autograd.grad(loss[0], scores)
    share = scores[0].softmax(0)
    torch.testing.assert_close(gradient[0], (share * (ERRORS[0] - loss[0])).detach())
    assert gradient[1].eq(0).all()


def test_an_impossible_list_costs_nothing() -> None:
    scores = torch.full((1, 2), float("-inf"), requires_grad=True)
    loss = expected_errors(scores, torch.ones(1, 2), torch.ones(1, 2, dtype=torch.bool))
    loss.sum().backward()
    assert loss == 0
    assert scores.grad is not None
    assert scores.grad.eq(0).all()


def test_gradient_through_the_full_sum_equals_finite_differences() -> None:
    """One utterance of 4 frames, three hypotheses of its list, by the logits of the lattices."""
    hypotheses = torch.tensor([[1, 2], [2, 0], [1, 1]])
    lengths = torch.tensor([2, 1, 2])
    generator = torch.Generator().manual_seed(5)
    logits = torch.randn(3, 4, 3, 3, generator=generator, dtype=torch.double)

    def loss(x: Tensor) -> Tensor:
        costs = rnnt_losses(x, hypotheses, torch.full((3,), 4), lengths)
        return embr_losses(-costs[None], ERRORS[:1], KEPT[:1], costs[:1], mix=0.02)

    costs = rnnt_losses(logits, hypotheses, torch.full((3,), 4), lengths)
    wanted = (-costs).softmax(0) @ ERRORS[0].double() + 0.02 * costs[0]
    torch.testing.assert_close(loss(logits)[0], wanted)
    assert torch.autograd.gradcheck(loss, logits.requires_grad_())
