"""Folds rows that differ in one index of their path into one line, for people to read."""

from collections.abc import Iterable

from qdsl.artifact.runs import fold, length, unfold
from qdsl.record import record
from qdsl.size.count import Row


@record
class Line:
    """`count` equal rows; `path` is a run such as `blocks[0..12].up.weight`, `row` its first."""

    path: str
    count: int
    row: Row

    @property
    def total_bytes(self) -> int:
        return self.count * self.row.total_bytes


def folded(rows: Iterable[Row]) -> tuple[Line, ...]:
    """Lines in the order of their first rows."""
    place = {row.path: (i, row) for i, row in enumerate(rows)}
    alike: dict[object, list[str]] = {}
    for path, (_, row) in place.items():
        key = (row.kind, row.shape, row.format, row.kernel, row.total_bytes)
        alike.setdefault(key, []).append(path)
    runs = [run for paths in alike.values() for run in fold(paths)]
    first = {run: place[next(unfold(run))] for run in runs}
    runs.sort(key=lambda run: first[run][0])
    return tuple(Line(run, length(run), first[run][1]) for run in runs)
