"""Shows what `gpu.py` found as tables on the terminal."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

Row = dict[str, Any]
OURS = "qdsl"
HEADINGS = ("ours µs", "of copy", "goal", "best other", "µs", "other/ours", "cuBLAS bf16/ours")


def lines(rows: Sequence[Row]) -> str:
    """How many checks held, and every one that did not."""
    checks = [row for row in rows if row["key"].startswith("check/")]
    wrong = [row for row in checks if not row.get("passed")]
    shown = [f"{row['key']}: {row.get('error')}, limit {row.get('limit')}" for row in wrong]
    return "\n".join((f"{len(checks) - len(wrong)} of {len(checks)} checks hold", *shown))


def table(rows: Sequence[Row]) -> Table:
    """Products and networks; green where the goal, or the best other, is reached."""
    shown = Table(box=SIMPLE, padding=(0, 1))
    shown.add_column("row", no_wrap=True)
    for heading in HEADINGS:
        shown.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        if "contenders" in row:
            shown.add_row(row["key"], *_cells(row))
    return shown


def steps(rows: Sequence[Row]) -> Table:
    """Steps of training; green where the goal is reached."""
    shown = Table("step", "ms", "over float", "goal", box=SIMPLE, padding=(0, 1))
    for row in rows:
        for name, found in row.get("steps", {}).items():
            over, goal = found["over_float"], row["goal"]
            color = "red" if over is None or over > goal else "green"
            cells = f"{found['ms']:.2f}", f"[{color}]{_number(over)}[/]", _number(goal)
            shown.add_row(f"{row['key']} {name}", *cells)
    return shown


def ours(row: Row) -> tuple[str, Row] | None:
    """The fastest of ours: of a network there are several."""
    return _fastest(row, lambda name: name.startswith(OURS))


def best_other(row: Row) -> tuple[str, Row] | None:
    """The fastest that does the same: `alone` marks what leaves part of the work out."""
    return _fastest(row, lambda name: not name.startswith(OURS) and not name.endswith("alone"))


def _fastest(row: Row, wanted: Any) -> tuple[str, Row] | None:
    found = [pair for pair in row["contenders"].items() if wanted(pair[0])]
    return min(found, key=lambda pair: pair[1]["us"], default=None)


def _cells(row: Row) -> list[str]:
    mine, other = ours(row), best_other(row)
    blas = row["contenders"].get("cuBLAS bf16")
    cells = ["", "", ""]
    if mine:
        share = mine[1]["of_copy"]
        cells = [f"{mine[1]['us']:.1f}", _judged(share, row["goal"]), _number(row["goal"])]
    if other:
        cells += [other[0], f"{other[1]['us']:.1f}", _judged(_over(other[1], mine), 1.0)]
    else:
        cells += ["", "", ""]
    return [*cells, _judged(_over(blas, mine), 1 / 1.03)]


def _over(other: Row | None, mine: tuple[str, Row] | None) -> float | None:
    return other["us"] / mine[1]["us"] if other and mine else None


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _judged(value: float | None, goal: float | None) -> str:
    if value is None or goal is None:
        return _number(value)
    return f"[{'green' if value >= goal else 'red'}]{value:.2f}[/]"
