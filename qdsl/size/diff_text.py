"""Writes a diff as text: signed delta first, then old → new, runs of equal layers folded."""

from collections.abc import Iterable

from qdsl.artifact.runs import fold, length, unfold
from qdsl.record import record
from qdsl.size.budget import Outcome, amount_text
from qdsl.size.diff import BudgetChange, Diff, DiffRow
from qdsl.size.quantity import bytes_text, signed_bytes
from qdsl.size.table import table

RED, GREEN, PLAIN = "\x1b[31m", "\x1b[32m", "\x1b[0m"


def diff_text(diff: Diff, *, color: bool = False) -> str:
    """Head line, one line per changed storage or run, and the budgets.

    With `color` growth is red and shrinkage green, by ANSI escapes.
    """
    parts = [[_head(diff)]]
    if lines := _folded(diff.rows):
        aligned = table([_cells(line) for line in lines], right=(0, 1, 2, 4))
        parts.append([_painted(t, x.delta, color) for t, x in zip(aligned, lines, strict=True)])
    if diff.budgets:
        parts.append(table([_budget_cells(b) for b in diff.budgets], right=()))
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _head(diff: Diff) -> str:
    old, new = diff.before, diff.after
    names = f"{old.variant} → {new.variant}"
    if not diff.rows:
        return f"{names}: no change, {bytes_text(new.total_bytes)} ({new.total_bytes:,} B)"
    return (
        f"{names}: {signed_bytes(diff.delta_bytes)} ({diff.delta_bytes:+,} B), "
        f"{bytes_text(old.total_bytes)} → {bytes_text(new.total_bytes)} "
        f"({old.total_bytes:,} → {new.total_bytes:,} B)"
    )


@record
class _Line:
    """`count` rows that changed alike; bytes are those of all of them."""

    path: str
    count: int
    row: DiffRow

    @property
    def delta(self) -> int:
        return self.count * self.row.delta_bytes


def _folded(rows: Iterable[DiffRow]) -> list[_Line]:
    """By descending |delta| of the whole run, equal ones in the order of the rows."""
    by_path = {row.path: row for row in rows}
    alike: dict[object, list[str]] = {}
    for row in by_path.values():
        key = (row.from_bytes, row.to_bytes, row.cause, row.change, row.place)
        alike.setdefault(key, []).append(row.path)
    lines = [
        _Line(run, length(run), by_path[next(unfold(run))])
        for paths in alike.values()
        for run in fold(paths)
    ]
    return sorted(lines, key=lambda line: -abs(line.delta))


def _painted(text: str, delta: int, color: bool) -> str:
    if not color or not delta:
        return text
    return f"{RED if delta > 0 else GREEN}{text}{PLAIN}"


def _cells(line: _Line) -> tuple[str, ...]:
    row, place = line.row, line.row.place
    return (
        f"{line.delta:+,}",
        signed_bytes(line.delta) if abs(line.delta) >= 1024 else "",
        bytes_text(line.count * row.from_bytes),
        "→",
        bytes_text(line.count * row.to_bytes),
        line.path,
        f"×{line.count}" if line.count > 1 else "",
        row.cause.value,
        row.change,
        f"{place.file}:{place.line}:{place.column}" if place else "",
    )


def _budget_cells(change: BudgetChange) -> tuple[str, ...]:
    one = change.after or change.before
    assert one is not None
    return (one.limit.text, _side(change.before), "→", _side(change.after))


def _side(outcome: Outcome | None) -> str:
    if outcome is None:
        return "no limit"
    verdict = "held" if outcome.held else "missed"
    return f"{amount_text(outcome.limit, outcome.measured)} {verdict}"
