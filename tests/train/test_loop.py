"""Trains a toy, broken off and unbroken."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from qdsl.diagnostic.model import QdslError
from qdsl.train import checkpoint
from qdsl.train.loop import Job, Stage, train

STAGE = Stage(steps=12, rate=1e-2, warmup=3, save_every=5)


def batches(start: int) -> Iterator[Tensor]:
    for number in count(start):
        yield torch.randn(8, 4, generator=torch.Generator().manual_seed(number))


def loss(model: nn.Module, batch: Tensor) -> Tensor:
    value: Tensor = model(batch).sub(batch.sum(1, keepdim=True)).square().mean()
    return value


@pytest.fixture
def toy() -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        torch.manual_seed(7)
        return nn.Sequential(nn.Linear(4, 32), nn.Dropout(0.3), nn.Tanh(), nn.Linear(32, 1))

    return make


class Interrupted(Exception):
    """Stands for a machine that goes away in mid-training."""


@pytest.mark.parametrize("broken_after", [3, 7, 10])
def test_a_resumed_training_equals_an_unbroken_one(
    toy: Callable[[], nn.Module], tmp_path: Path, broken_after: int
) -> None:
    def interrupt(step: int, _: float) -> None:
        if step == broken_after:
            raise Interrupted

    whole = Job(model=toy(), batches=batches, loss=loss, stage=STAGE)
    expected = train(whole)
    path = tmp_path / "state.pt"
    broken = Job(
        model=toy(), batches=batches, loss=loss, stage=STAGE, path=path, progress=interrupt
    )
    with pytest.raises(Interrupted):
        train(broken)
    torch.manual_seed(99)
    resumed = replace(broken, model=toy(), progress=lambda step, loss: None)
    assert train(resumed) == expected
    for key, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[key], value), key
    assert [p.name for p in tmp_path.iterdir()] == ["state.pt"]


def test_a_finished_training_is_not_repeated(toy: Callable[[], nn.Module], tmp_path: Path) -> None:
    job = Job(model=toy(), batches=batches, loss=loss, stage=STAGE, path=tmp_path / "state.pt")
    losses = train(job)
    steps: list[int] = []
    again = replace(job, model=toy(), progress=lambda step, loss: steps.append(step))
    assert train(again) == losses
    assert not steps
    assert not again.model.training


def test_training_learns(toy: Callable[[], nn.Module]) -> None:
    stage = replace(STAGE, steps=300)
    losses = train(Job(model=toy(), batches=batches, loss=loss, stage=stage))
    assert sum(losses[-20:]) < 0.3 * sum(losses[:20])


def test_frozen_parameters_stay(toy: Callable[[], nn.Module]) -> None:
    model = toy()
    frozen = next(model.parameters()).requires_grad_(False)
    before = frozen.clone()
    train(Job(model=model, batches=batches, loss=loss, stage=STAGE))
    assert torch.equal(frozen, before)


def test_a_loss_that_is_not_finite_stops_the_training(toy: Callable[[], nn.Module]) -> None:
    def spoilt(model: nn.Module, batch: Tensor) -> Tensor:
        return loss(model, batch) * float("nan")

    with pytest.raises(QdslError, match=r"Q716\] the loss of step 0"):
        train(Job(model=toy(), batches=batches, loss=spoilt, stage=STAGE))


def test_a_state_of_another_identity_is_not_gone_on_from(
    tmp_path: Path, toy: Callable[[], nn.Module]
) -> None:
    path = tmp_path / "state.pt"
    job = Job(model=toy(), batches=batches, loss=loss, stage=STAGE, path=path, identity="int8")
    first = train(job)
    steps: list[int] = []
    other = replace(
        job, model=toy(), identity="int2", progress=lambda step, loss: steps.append(step)
    )
    assert train(other) == first
    assert steps[0] == 1
    assert checkpoint.load(path)["identity"] == "int2"
