"""Holds the task `language` to its definitions, and its shares to the whole."""

from math import log
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import torch.nn.functional as F

import qdsl.recipes.tasks
import qdsl.tasks
from qdsl.diagnostic.model import QdslError
from qdsl.recipes.loss import Ce
from qdsl.registry import collect, names
from qdsl.tasks.language.text import read_text
from qdsl.tasks.language.training import LanguageTask
from qdsl.train.task import Share, TaskKind

TEXT = b"the quick brown fox jumps over the lazy dog\n" * 20


class Bigrams:
    """A model whose logits are a table."""

    def __init__(self) -> None:
        self.table = torch.randn(256, 256, generator=torch.Generator().manual_seed(1))

    def score(self, ids: torch.Tensor) -> torch.Tensor:
        return self.table[ids]

    def parameters(self) -> Any:
        return iter((self.table,))


@pytest.fixture
def task(tmp_path: Path) -> LanguageTask:
    (tmp_path / "a.txt").write_bytes(TEXT)
    (tmp_path / "b.bin").write_bytes(b"never read")
    return LanguageTask(read_text(tmp_path, 8), context=8, rows=5, seed=3, share=Share())


def shared(task: LanguageTask, rank: int, count: int) -> LanguageTask:
    return LanguageTask(task.text, task.context, task.rows, task.seed, Share(rank, count))


def test_batches_are_a_function_of_their_number(task: LanguageTask) -> None:
    stream = task.batches(0)
    first = [next(stream).ids for _ in range(3)]
    assert torch.equal(next(task.batches(2)).ids, first[2])
    assert not torch.equal(first[0], first[1])
    assert first[0].shape == (5, 9)
    assert bytes(first[0][0].tolist()) in TEXT


@pytest.mark.parametrize("count", [2, 3, 7])
def test_shares_have_the_loss_of_the_whole(task: LanguageTask, count: int) -> None:
    model = cast(Any, Bigrams())

    def figures(one: LanguageTask) -> torch.Tensor:
        batch = one.batch(4)
        outputs = one.forward(model, batch)
        loss = one.loss(model, outputs, batch, Ce(smoothing=0.1))
        away = one.distillation(model, model, outputs, outputs + outputs.cos(), batch, 2.0)
        return torch.stack((loss, away))

    parts = torch.stack([figures(shared(task, rank, count)) for rank in range(count)])
    torch.testing.assert_close(parts.mean(0), figures(task))


def test_distillation_is_zero_where_the_teacher_is_met(task: LanguageTask) -> None:
    model = cast(Any, Bigrams())
    batch = task.batch(0)
    outputs = task.forward(model, batch)
    assert float(task.distillation(model, model, outputs, outputs, batch, 3.0)) == 0
    other = task.distillation(model, model, outputs, -outputs, batch, 3.0)
    p, q = (F.softmax(x / 3.0, -1) for x in (-outputs, outputs))
    torch.testing.assert_close(other, 9 * (p * (p / q).log()).sum(-1).mean())


def test_a_teacher_of_other_ids_is_told(task: LanguageTask) -> None:
    batch, model = task.batch(0), cast(Any, None)
    for other in (300, 1):
        with pytest.raises(QdslError, match="Q735"):
            task.distillation(
                model, model, torch.zeros(1, 2, 256), torch.zeros(1, 2, other), batch, 1.0
            )


def test_the_evaluation_is_of_what_was_held_out(task: LanguageTask) -> None:
    model = Bigrams()
    held = task.text.held_out.long()
    assert bytes(held.tolist()) == TEXT[-len(held) :]
    whole = (len(held) - 1) // 8 * 8
    expected = F.cross_entropy(model.table[held[:whole]], held[1 : whole + 1]) / log(2)
    assert task.evaluate(cast(Any, model))["bits per byte"] == pytest.approx(float(expected))


def test_too_little_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT[:100])
    with pytest.raises(QdslError, match=r"Q731.*100 bytes"):
        read_text(tmp_path, 8)


def test_tasks_of_recipes_are_those_that_train() -> None:
    assert set(collect(qdsl.tasks, TaskKind)) == set(names(qdsl.recipes.tasks))
