"""Breaks off the changing of sharded states at each of its steps."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.train import checkpoint, shards
from qdsl.train.position import Position

FIRST, SECOND = Position("a", 0, 4, 4), Position("a", 0, 8, 8)


class Crash(Exception):
    """Stands for a power cut."""


def begun(folder: Path, position: Position) -> Path:
    made = folder / f".shards-{position.steps}.part"
    made.mkdir()
    (made / "__0_0.distcp").write_bytes(b"numbers")
    return made


def crashing(after: int, function: Callable[..., object]) -> Callable[..., object]:
    """The function, which fails when it is called once more than `after` times."""
    calls: list[int] = []

    def call(*arguments: object, **named: object) -> object:
        calls.append(1)
        if len(calls) > after:
            raise Crash
        return function(*arguments, **named)

    return call


@pytest.mark.parametrize("second", [SECOND, FIRST])
@pytest.mark.parametrize("after", range(3))
@pytest.mark.parametrize(("owner", "name"), [(os, "fsync"), (Path, "rename"), (shutil, "rmtree")])
def test_a_crash_leaves_a_whole_state(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    after: int,
    second: Position,
) -> None:
    """The last or the new one, also where both are of the same steps."""
    shards._publish(begun(tmp_path, FIRST), tmp_path, FIRST)
    made = begun(tmp_path, second)
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, crashing(after, getattr(owner, name)))
        try:
            shards._publish(made, tmp_path, second)
        except Crash:
            assert checkpoint.find(tmp_path) in (FIRST, second)
        else:
            assert checkpoint.find(tmp_path) == second
    assert all((p / "__0_0.distcp").exists() for p in shards.folders(tmp_path))
    if not made.exists():
        made = begun(tmp_path, second)
    shards._publish(made, tmp_path, second)
    assert checkpoint.find(tmp_path) == second
    assert len(shards.folders(tmp_path)) == 1
