"""Holds distillation of transducers to the three classes of each cell, written out."""

import pytest
import torch
from torch import Tensor

from qdsl.train.losses.transducer_distillation import transducer_divergences

FRAMES, LABELS, VOCABULARY = 4, 2, 5
TARGETS = torch.tensor([[3, 1], [2, 99]])
LENGTHS = torch.tensor([4, 2]), torch.tensor([2, 1])


def join(frames: Tensor, states: Tensor) -> Tensor:
    return frames[:, :, None] + states[:, None]


def inputs(seed: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(seed)
    return (
        torch.randn(2, FRAMES, VOCABULARY, requires_grad=True),
        torch.randn(2, LABELS + 1, VOCABULARY, requires_grad=True),
    )


def classes(logits: Tensor, target: int | None) -> list[Tensor]:
    p = logits.softmax(-1)
    label = [] if target is None else [p[target]]
    return [*label, p[0], 1 - p[0] - sum(label)]


def by_hand(student: Tensor, teacher: Tensor, row: int, temperature: float) -> Tensor:
    frames, labels = (int(n[row]) for n in LENGTHS)
    cells = []
    for s in range(frames):
        for u in range(labels + 1):
            target = int(TARGETS[row, u]) if u < labels else None
            p = classes(teacher[row, s, u] / temperature, target)
            q = classes(student[row, s, u] / temperature, target)
            cells.append(sum(a * (a / b).log() for a, b in zip(p, q, strict=True)))
    return torch.stack([torch.as_tensor(c) for c in cells]).mean() * temperature**2


@pytest.mark.parametrize("part", [1, 3, 9])
@pytest.mark.parametrize("temperature", [1.0, 2.0])
def test_equals_the_three_classes_by_hand(temperature: float, part: int) -> None:
    student, teacher = inputs(0), inputs(1)
    found = transducer_divergences(
        join, join, *student, *teacher, TARGETS, *LENGTHS, part=part, temperature=temperature
    )
    expected = torch.stack(
        [by_hand(join(*student), join(*teacher), row, temperature) for row in range(2)]
    )
    torch.testing.assert_close(found, expected)
    gradients = torch.autograd.grad(found.sum(), student)
    for gradient, right in zip(
        gradients, torch.autograd.grad(expected.sum(), student), strict=True
    ):
        torch.testing.assert_close(gradient, right)


def test_a_teacher_is_not_trained_and_a_copy_costs_nothing() -> None:
    student, teacher = inputs(0), inputs(1)
    call = [join, join, *student]
    transducer_divergences(*call, *teacher, TARGETS, *LENGTHS, part=2).sum().backward()
    assert teacher[0].grad is teacher[1].grad is None
    same = transducer_divergences(*call, *student, TARGETS, *LENGTHS, part=2)
    torch.testing.assert_close(same, torch.zeros(2))


def test_log_probabilities_count_as_logits() -> None:
    student, teacher = inputs(0), inputs(1)
    plain = transducer_divergences(join, join, *student, *teacher, TARGETS, *LENGTHS, part=2)
    normal = transducer_divergences(
        lambda f, g: join(f, g).log_softmax(-1),
        lambda f, g: join(f, g).log_softmax(-1),
        *student,
        *teacher,
        TARGETS,
        *LENGTHS,
        part=2,
    )
    torch.testing.assert_close(normal, plain)


def test_a_teacher_of_other_frames_is_refused() -> None:
    student, (frames, states) = inputs(0), inputs(1)
    with pytest.raises(ValueError, match="teacher gives"):
        transducer_divergences(
            join, join, *student, frames[:, 1:], states, TARGETS, *LENGTHS, part=2
        )
