"""Holds the transducer loss to a sum over all alignments, written out."""

from itertools import combinations_with_replacement

import pytest
import torch
from torch import Tensor

from qdsl.train.losses.rnnt import rnnt_loss

FRAMES, LABELS, VOCABULARY = 5, 3, 4


def enumerated(
    logits: Tensor,
    target: list[int],
    frames: int,
    blank: int = 0,
    windows: list[tuple[int, int]] | None = None,
) -> Tensor:
    """-log of the summed probability of every way to place the labels in the frames."""
    log_probs = logits.log_softmax(-1)
    paths = []
    for places in combinations_with_replacement(range(frames), len(target)):
        if windows and any(not a <= p <= b for p, (a, b) in zip(places, windows, strict=True)):
            continue
        total = torch.zeros((), dtype=logits.dtype)
        done = 0
        for frame in range(frames):
            while done < len(target) and places[done] == frame:
                total = total + log_probs[frame, done, target[done]]
                done += 1
            total = total + log_probs[frame, done, blank]
        paths.append(total)
    return -torch.stack(paths).logsumexp(0)


@pytest.fixture
def logits() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    shape = (2, FRAMES, LABELS + 1, VOCABULARY)
    return (2 * torch.randn(shape, generator=generator, dtype=torch.double)).requires_grad_()


@pytest.mark.parametrize("blank", [0, 3])
@pytest.mark.parametrize("labels", range(LABELS + 1))
@pytest.mark.parametrize("frames", range(1, FRAMES + 1))
def test_equals_the_sum_over_alignments(
    logits: Tensor, frames: int, labels: int, blank: int
) -> None:
    targets = torch.tensor([[1, 2, 1], [2, 2, 1]])
    loss = rnnt_loss(
        logits, targets, torch.tensor([frames, FRAMES]), torch.tensor([labels, LABELS]), blank=blank
    )
    first = enumerated(logits[0], targets[0, :labels].tolist(), frames, blank)
    second = enumerated(logits[1], targets[1].tolist(), FRAMES, blank)
    torch.testing.assert_close(loss, (first + second) / 2)
    (gradient,) = torch.autograd.grad(loss, logits)
    (expected,) = torch.autograd.grad((first + second) / 2, logits)
    torch.testing.assert_close(gradient, expected)


def test_gradient_equals_finite_differences(logits: Tensor) -> None:
    targets = torch.tensor([[1, 3, 2], [2, 2, 0]])
    frames, labels = torch.tensor([4, 5]), torch.tensor([3, 2])
    assert torch.autograd.gradcheck(lambda x: rnnt_loss(x, targets, frames, labels), logits)


@pytest.mark.parametrize("rubbish", [float("nan"), float("inf"), 1e30])
def test_padding_is_never_read(logits: Tensor, rubbish: float) -> None:
    targets = torch.tensor([[1, 3, 2], [2, 99, -7]])
    frames, labels = torch.tensor([FRAMES, 3]), torch.tensor([3, 1])
    spoilt = logits.detach().clone()
    spoilt[1, 3:] = rubbish
    spoilt[1, :, 2:] = rubbish
    spoilt.requires_grad_()
    loss = rnnt_loss(spoilt, targets, frames, labels)
    torch.testing.assert_close(loss, rnnt_loss(logits, targets, frames, labels))
    (gradient,) = torch.autograd.grad(loss, spoilt)
    assert gradient.isfinite().all()
    assert gradient[1, 3:].eq(0).all()
    assert gradient[1, :, 2:].eq(0).all()


def test_an_impossible_target_costs_infinity_without_a_gradient(logits: Tensor) -> None:
    barred = logits.detach().clone()
    barred[0, ..., 2] = float("-inf")
    barred.requires_grad_()
    targets = torch.tensor([[1, 2, 1], [1, 1, 1]])
    loss = rnnt_loss(barred, targets, torch.tensor([5, 5]), torch.tensor([3, 3]))
    assert loss == float("inf")
    (gradient,) = torch.autograd.grad(loss, barred)
    assert gradient[0].eq(0).all()
    assert gradient[1].isfinite().all()
    assert gradient[1].abs().sum() > 0


def test_windows_leave_only_the_alignments_inside_them(logits: Tensor) -> None:
    windows = [[(0, 1), (1, 3), (2, 4)], [(1, 1), (2, 2), (0, 0)]]
    targets, labels = torch.tensor([[1, 2, 1], [2, 2, 1]]), torch.tensor([3, 2])
    loss = rnnt_loss(logits, targets, torch.tensor([5, 4]), labels, windows=torch.tensor(windows))
    first = enumerated(logits[0], [1, 2, 1], 5, windows=windows[0])
    second = enumerated(logits[1], [2, 2], 4, windows=windows[1][:2])
    torch.testing.assert_close(loss, (first + second) / 2)
    (gradient,) = torch.autograd.grad(loss, logits)
    (expected,) = torch.autograd.grad((first + second) / 2, logits)
    torch.testing.assert_close(gradient, expected)


def test_a_barred_symbol_beside_the_target_is_no_obstacle(logits: Tensor) -> None:
    barred = logits.detach().clone()
    barred[..., 3] = float("-inf")
    targets = torch.tensor([[1, 2, 1], [2, 2, 1]])
    loss = rnnt_loss(barred, targets, torch.tensor([5, 5]), torch.tensor([3, 3]))
    expected = [enumerated(barred[i], targets[i].tolist(), FRAMES) for i in range(2)]
    torch.testing.assert_close(loss, torch.stack(expected).mean())


def test_long_utterances_in_single_precision_lose_nothing() -> None:
    logits = torch.zeros(1, 400, 3, 11)
    loss = rnnt_loss(logits, torch.tensor([[1, 2]]), torch.tensor([400]), torch.tensor([2]))
    alignments = torch.tensor(400 * 401 / 2).log()
    torch.testing.assert_close(loss, 402 * torch.tensor(11.0).log() - alignments)


@pytest.mark.parametrize(
    ("frames", "labels"), [([0, 1], [1, 1]), ([6, 1], [1, 1]), ([1, 1], [4, 1]), ([1], [1])]
)
def test_lengths_that_do_not_fit_are_refused(
    logits: Tensor, frames: list[int], labels: list[int]
) -> None:
    targets = torch.ones(2, LABELS, dtype=torch.int64)
    with pytest.raises(ValueError, match="length"):
        rnnt_loss(logits, targets, torch.tensor(frames), torch.tensor(labels))
