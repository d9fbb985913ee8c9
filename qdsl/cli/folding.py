"""Folds lines that differ in one index of their path, `blocks[0..12].up.weight`."""

from collections.abc import Mapping

from qdsl.artifact.runs import fold, unfold

Cells = tuple[str, ...]


def folded(lines: Mapping[str, Cells]) -> list[tuple[str, Cells]]:
    """Runs of paths with equal cells, in the order of their first paths."""
    alike: dict[Cells, list[str]] = {}
    for path, cells in lines.items():
        alike.setdefault(cells, []).append(path)
    order = {path: i for i, path in enumerate(lines)}
    runs = [(run, cells) for cells, paths in alike.items() for run in fold(paths)]
    return sorted(runs, key=lambda pair: order[first_path(pair[0])])


def first_path(run: str) -> str:
    """The path that a run begins with."""
    return next(unfold(run))
