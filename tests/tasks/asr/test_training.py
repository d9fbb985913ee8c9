"""Trains small recognizers of tones with each loss, and splits their batches."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

import qdsl.tasks
from qdsl.diagnostic.model import QdslError
from qdsl.fx.program import Program
from qdsl.recipes.loss import Ctc, Embr, Loss, Rnnt
from qdsl.recipes.tasks.asr import Asr, Fbank
from qdsl.registry import member
from qdsl.spec import Variant
from qdsl.tasks.asr.data import Batch, collate
from qdsl.tasks.asr.decode_beam import search
from qdsl.tasks.asr.objective import evaluating
from qdsl.tasks.asr.predictor import Predictor
from qdsl.tasks.asr.score import word_errors
from qdsl.tasks.asr.training import AsrTask, open_task
from qdsl.train.task import Request, Share, TaskKind

Make = Callable[[str], Variant]
Open = Callable[..., tuple[AsrTask, Program]]
LOSSES: dict[str, Loss] = {"plain": Rnnt(), "hat": Rnnt(), "ctc": Ctc()}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Many small operations: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def opened(corpus: Path, variant: Make) -> Open:
    """The task of a variant, and its program."""

    def open(name: str, loss: Loss | None = None, **changes: object) -> tuple[AsrTask, Program]:
        chosen = variant(name)
        task = Asr(loss=loss or LOSSES[name], features=Fbank(bins=12))
        request = Request(task=task, model=chosen.model, data=corpus, batch=6)
        return open_task(replace(request, **changes)), chosen.program(seed=0)  # type: ignore[arg-type]

    return open


def trained(
    task: AsrTask, model: Program, loss: Loss, steps: int, *, rate: float = 2e-2
) -> list[float]:
    optimizer = torch.optim.Adam(model.parameters(), rate)
    losses = []
    for batch in islice(task.batches(0), steps):
        optimizer.zero_grad()
        value = task.loss(model, task.forward(model, batch), batch, loss)
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


@pytest.mark.parametrize("name", LOSSES)
def test_tones_are_learnt(opened: Open, name: str) -> None:
    task, model = opened(name)
    losses = trained(task, model, LOSSES[name], 100)
    assert sum(losses[-5:]) < 0.2 * sum(losses[:5])
    found = task.evaluate(model)
    assert list(found) == ["WER", "nats per label"]
    assert found["nats per label"] < 0.8
    assert found["WER"] < 0.6
    assert model.training


@pytest.mark.parametrize("name", ["plain", "hat"])
def test_expected_errors_go_on_from_a_trained_model(opened: Open, name: str) -> None:
    task, model = opened(name)
    trained(task, model, Rnnt(), 25)
    loss = Embr(beam=3, mix=0.02)
    before = trained(task, model, loss, 7, rate=0.0)  # an epoch
    trained(task, model, loss, 21, rate=2e-3)
    assert sum(trained(task, model, loss, 7, rate=0.0)) < 0.9 * sum(before)


def test_expected_errors_are_those_of_the_formula(opened: Open) -> None:
    """Errors of each hypothesis, weighted by its share of the full sums of its list."""
    task, model = opened("plain")
    trained(task, model, Rnnt(), 15)
    batch = next(task.batches(3))
    given = task.forward(model, batch)
    text = task.corpus.vocabulary.text
    with torch.no_grad():
        found = task.loss(model, given, batch, Embr(beam=3, mix=0.1)) * batch.labels
        assert task.prediction is not None
        lists = search(Predictor(model, task.prediction), given.frames, given.lengths, beam=3)
        expected = 0.1 * task.loss(model, given, batch, Rnnt()) * batch.labels
        for row, hypotheses in enumerate(lists):
            scores, errors = [], []
            for h in hypotheses:
                one = _only(batch, row, h.ids)
                scores.append(-task.loss(model, task.forward(model, one), one, Rnnt()))
                said = batch.targets[row, : batch.target_lengths[row]].tolist()
                errors.append(word_errors(text(said), text(h.ids)))
            expected += torch.stack(scores).softmax(0) @ torch.tensor(errors, dtype=torch.float32)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def _only(batch: Batch, row: int, ids: tuple[int, ...]) -> Batch:
    """One utterance with other labels, counted as one."""
    targets = torch.tensor([ids], dtype=torch.int64).reshape(1, -1)
    length = batch.lengths[row : row + 1]
    audio = batch.audio[row : row + 1, : int(length)]
    spans = torch.zeros(*targets.shape, 2, dtype=torch.int64)
    return Batch(audio, length, targets, torch.tensor([len(ids)]), targets, spans, 1.0, 1.0)


@pytest.mark.parametrize("name", LOSSES)
def test_a_student_of_itself_has_nothing_to_learn(opened: Open, name: str) -> None:
    task, model = opened(name)
    other = opened(name)[1]
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.mul_(1.5)
    batch = next(task.batches(0))
    own, others = task.forward(model, batch), task.forward(other, batch)
    same = task.distillation(model, model, own, own, batch, 2.0)
    torch.testing.assert_close(same, torch.zeros(()), atol=1e-6, rtol=0)
    apart = task.distillation(model, other, own, others, batch, 2.0)
    assert apart > 1e-4
    apart.backward()
    assert all(p.grad is None for p in other.parameters())
    assert model.encoder.map.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_the_loss_of_a_test_is_that_of_its_utterances_one_by_one(opened: Open, name: str) -> None:
    task, model = opened(name)
    utterances = task.corpus.test()
    singly = []
    for utterance in utterances:
        batch = collate([utterance])
        with evaluating(model), torch.no_grad():
            given = task.forward(model, batch)
            singly.append(task.loss(model, given, batch, LOSSES[name]) * batch.labels)
    labels = sum(len(utterance.ids) for utterance in utterances)
    found = task.evaluate(model)["nats per label"]
    assert found == pytest.approx(float(sum(singly)) / labels, rel=1e-5)


# ---- processes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("name", LOSSES)
def test_the_mean_over_processes_is_the_loss_of_the_whole(
    opened: Open, name: str, count: int
) -> None:
    """Also where there are more processes than utterances."""

    frames = next(opened(name)[0].batches(2)).audio.shape[1]

    def figures(share: Share) -> Tensor:
        task, model = opened(name, share=share)
        batch = next(task.batches(2))
        assert batch.audio.shape[1] == frames
        given = task.forward(model, batch)
        far = replace(given, frames=given.frames.flip(-1))
        return torch.stack(
            [
                task.loss(model, given, batch, LOSSES[name]),
                task.distillation(model, model, given, far, batch, 1.0),
            ]
        )

    shares = [figures(Share(rank, count)) for rank in range(count)]
    torch.testing.assert_close(torch.stack(shares).mean(0), figures(Share()))


def test_batches_are_gone_on_from_anywhere(opened: Open) -> None:
    task, _ = opened("ctc")
    whole = [b.audio for b in islice(task.batches(0), 9)]  # an epoch has 7
    for start in (1, 6, 8):
        assert torch.equal(next(task.batches(start)).audio, whole[start])
    other, _ = opened("ctc", seed=1)
    assert not torch.equal(next(other.batches(0)).audio, whole[0])


# ---- opening -----------------------------------------------------------------------------------


def test_a_stage_without_a_part_in_training_keeps_its_mode(opened: Open) -> None:
    _, model = opened("plain")
    model.encoder.eval()
    with evaluating(model):
        assert not any(m.training for m in model.modules())
    assert model.joiner.training
    assert not model.encoder.lstm.training


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": Asr(features=Fbank(12), blank=3)}, "the blank of the data is 0"),
        ({"data": Path("nowhere")}, "Q720"),
    ],
)
def test_what_cannot_be_opened(opened: Open, changes: dict[str, object], message: str) -> None:
    with pytest.raises(QdslError, match=message):
        opened("plain", **changes)


def test_labels_of_model_and_data_are_as_many(opened: Open, corpus: Path, tmp_path: Path) -> None:
    for name in ("train.jsonl", "test.jsonl"):
        lines = (corpus / name).read_text().replace('"audio": "', f'"audio": "{corpus}/')
        (tmp_path / name).write_text(lines)
    (tmp_path / "tokens.txt").write_text("-\nlow\nmid\nhigh\nhigher\n")
    with pytest.raises(QdslError, match="gives 4 labels, the data has 5 with the blank"):
        opened("hat", data=tmp_path)


def test_a_teacher_of_other_labels_or_entries_is_told(opened: Open, variant: Make) -> None:
    """Before its embedding or the lattice is asked for a label that it lacks."""
    for name, variants in (("plain", ("few", "ctc")), ("ctc", ("few_ctc",))):
        task, _ = opened(name)
        batch = next(task.batches(0))
        for other in variants:
            with pytest.raises(QdslError, match="Q735"):
                task.forward(variant(other).program(seed=0), batch)


def test_the_package_offers_the_task() -> None:
    assert member(qdsl.tasks, "asr", TaskKind).open.__module__ == "qdsl.tasks.asr"
