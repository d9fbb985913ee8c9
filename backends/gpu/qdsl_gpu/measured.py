"""Holds what tuning found, and finds in it the tiles of a task or of the one most like it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2

from qdsl_gpu.task import Task, bucket
from qdsl_gpu.tiles import Tiles

FARTHEST = 4.0
"""In octaves of rows and columns: beyond, a rule is better than what was measured."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The fastest tiles of a task for a bucket of tokens; microseconds with them and with usual."""

    task: Task
    tokens: int
    tiles: Tiles
    us: float
    usual_us: float


class Table:
    """Rows by what has to be the same; of a task that is there twice the last row counts."""

    def __init__(self, rows: Iterable[Measured]) -> None:
        self._rows: dict[tuple[object, ...], dict[Task, Measured]] = defaultdict(dict)
        for row in rows:
            self._rows[_alike(row.task, row.tokens)][row.task] = row

    def find(self, task: Task, tokens: int) -> Tiles | None:
        """Of the same weight, else of the nearest whose tiles divide it; None without any."""
        rows = self._rows.get(_alike(task, bucket(tokens)), {})
        if (row := rows.get(task)) and task.takes(row.tiles, tokens):
            return row.tiles
        near = [
            (far, row.tiles)
            for row in rows.values()
            if (far := distance(row.task, task)) <= FARTHEST and task.takes(row.tiles, tokens)
        ]
        return min(near, key=lambda pair: pair[0])[1] if near else None


def _alike(task: Task, tokens: int) -> tuple[object, ...]:
    return task.kernel, task.layout.bits, task.layout.sparse, task.planes, task.has_table, tokens


def distance(one: Task, other: Task) -> float:
    """Octaves between their rows and columns; other groups or zero points count as one each."""
    a, b = one.layout, other.layout
    octaves = abs(log2(a.rows / b.rows)) + abs(log2(a.columns / b.columns))
    return octaves + (a.span != b.span) + (one.zero != other.zero)
