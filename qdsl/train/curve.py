"""Keeps the losses of a run in a file of JSON lines that outlives crashes."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from qdsl.record import record
from qdsl.replacing import naming, replacing


@record
class Point:
    """One step, counted from 1 in its stage; loss f32 over all processes, before the step."""

    stage: str
    step: int
    loss: float
    rate: float


class Curve:
    """`losses.jsonl`: a line for each step, in order; what was lost with a crash is cut off.

    There is none before the first step: a run that has no data leaves nothing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.points: list[Point] = []
        self._file: TextIO | None = None

    def begin(self, count: int) -> None:
        """Keeps the first `count` points of the file, and adds others to them. Raises OSError."""
        self.close()
        self.points = read_curve(self.path)[:count]
        if self.path.exists():
            self._file = self._opened()

    def add(self, point: Point) -> None:
        """Raises OSError."""
        file = self._file = self._file or self._opened()
        self.points.append(point)
        with naming(self.path):
            file.write(_line(point))

    def _opened(self) -> TextIO:
        """The file with the points that are kept."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(self.path) as file:
            file.write("".join(map(_line, self.points)).encode())
        return self.path.open("a", encoding="utf-8")

    def flush(self) -> None:
        """Puts the points on disk, before the checkpoint that counts on them."""
        if self._file is not None:
            with naming(self.path):
                self._file.flush()
                os.fsync(self._file.fileno())

    def close(self) -> None:
        if self._file is not None:
            with naming(self.path):
                self._file.close()
            self._file = None


def _line(point: Point) -> str:
    values = {"stage": point.stage, "step": point.step, "loss": point.loss, "lr": point.rate}
    return json.dumps(values) + "\n"


def read_curve(path: Path) -> list[Point]:
    """The points of a file, up to the first line that is not whole. Raises OSError."""
    return list(_points(path)) if path.exists() else []


def _points(path: Path) -> Iterator[Point]:
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found = json.loads(line)
            yield Point(found["stage"], found["step"], found["loss"], found["lr"])
        except (ValueError, KeyError, TypeError):
            return
