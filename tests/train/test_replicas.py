"""Holds training on several processes to training on one with all their batches."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, multiprocessing, nn

from qdsl.train import replicas
from qdsl.train.loop import Job, Stage, train

STAGE = Stage(steps=4, rate=1e-2, warmup=1)


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def _batch(step: int, replica: int) -> Tensor:
    generator = torch.Generator().manual_seed(10 * step + replica)
    return torch.randn(5, 3, generator=generator)


def _loss(model: nn.Module, batch: Tensor) -> Tensor:
    return model(batch).square().mean()


def _replica(rank: int, address: str, out: str) -> None:
    torch.set_num_threads(1)
    replicas.join_replicas(address, rank, 2)
    model = _model()

    def own(start: int) -> Iterator[Tensor]:
        return (_batch(step, rank) for step in range(start, 99))

    path = Path(out) / "state.pt"
    train(Job(model=model, batches=own, loss=_loss, stage=STAGE, path=path))
    torch.save(model.state_dict(), Path(out) / f"{rank}.pt")
    replicas.leave_replicas()


def test_two_replicas_train_as_one_with_both_batches(tmp_path: Path) -> None:
    multiprocessing.spawn(_replica, (str(tmp_path / "meeting"), str(tmp_path)), nprocs=2)

    def both(start: int) -> Iterator[Tensor]:
        return (torch.cat([_batch(s, 0), _batch(s, 1)]) for s in range(start, 99))

    alone = _model()
    train(Job(model=alone, batches=both, loss=_loss, stage=STAGE))
    first, second = (torch.load(tmp_path / f"{r}.pt", weights_only=True) for r in (0, 1))
    for key, expected in alone.state_dict().items():
        assert torch.equal(first[key], second[key])
        torch.testing.assert_close(first[key], expected)


def test_only_the_first_replica_writes_the_state(tmp_path: Path) -> None:
    multiprocessing.spawn(_replica, (str(tmp_path / "meeting"), str(tmp_path)), nprocs=2)
    assert [p.name for p in tmp_path.glob("state*")] == ["state.pt"]


def test_without_replicas_gradients_stay() -> None:
    model = _model()
    _loss(model, _batch(0, 0)).backward()
    before = [p.grad.clone() for p in model.parameters() if p.grad is not None]
    replicas.average_gradients(model)
    after = [p.grad for p in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True) if b is not None)
