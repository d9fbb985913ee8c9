"""Compares two size reports: what changed in each storage, by how many bytes, and where."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Any

from qdsl.ir.format import WeightFormat
from qdsl.ir.model import Module
from qdsl.record import record
from qdsl.size.budget import Outcome
from qdsl.size.budget import to_json as outcome_json
from qdsl.size.count import RANGE, TABLE, TIED, Row
from qdsl.size.report import Report
from qdsl.source import Span, no_span

HEADER = "(header)"  # no path has brackets of this kind


class Cause(StrEnum):
    """What made a row differ, the most telling first: a new shape outweighs a new format."""

    STRUCTURE = "structure"  # it is on one side only
    TIE = "tie"
    SHAPE = "shape"
    SPARSITY = "sparsity"
    GROUP = "group"
    FORMAT = "format"


@record
class Place:
    """Where the text stands that made the difference; line and column from 1."""

    file: str
    line: int
    column: int


@record
class DiffRow:
    """A storage that differs; `change` says in words from what to what."""

    path: str
    from_bytes: int
    to_bytes: int
    cause: Cause
    change: str
    place: Place | None

    @property
    def delta_bytes(self) -> int:
        return self.to_bytes - self.from_bytes


@record
class BudgetChange:
    """One limit on both sides; None on the side that has no such limit."""

    before: Outcome | None
    after: Outcome | None


@record
class Diff:
    """The rows' deltas, the header's among them, add up to `delta_bytes`; largest come first."""

    before: Report
    after: Report
    rows: tuple[DiffRow, ...]
    budgets: tuple[BudgetChange, ...]

    @property
    def delta_bytes(self) -> int:
        return self.after.total_bytes - self.before.total_bytes

    @property
    def changed(self) -> bool:
        return bool(self.rows)


def diff(
    before: Report,
    after: Report,
    outcomes: tuple[Sequence[Outcome], Sequence[Outcome]] = ((), ()),
) -> Diff:
    """What differs from `before` to `after`; `outcomes` are the judged limits of each."""
    old, new = ({row.path: row for row in report.rows} for report in (before, after))
    modules = [dict(report.model.root.walk()) for report in (before, after)]
    rows = [
        _row(old.get(path), new.get(path), modules)
        for path in {**old, **new}
        if _differs(old.get(path), new.get(path))
    ]
    if before.header_bytes != after.header_bytes:
        sizes = (before.header_bytes, after.header_bytes)
        rows.append(DiffRow(HEADER, *sizes, Cause.STRUCTURE, "", None))
    rows.sort(key=lambda row: -abs(row.delta_bytes))
    return Diff(before, after, tuple(rows), _budgets(*outcomes))


# ---- one row -----------------------------------------------------------------------------------


def _differs(old: Row | None, new: Row | None) -> bool:
    if old is None or new is None:
        return True
    return _facts(old) != _facts(new)


def _facts(row: Row) -> tuple[object, ...]:
    owner = row.storage.path if row.kind == TIED else None
    format = row.format if row.kind in (RANGE, TABLE) else row.storage.format
    return row.shape, owner, format if owner is None else None, row.total_bytes


def _row(old: Row | None, new: Row | None, modules: Sequence[Mapping[str, Module]]) -> DiffRow:
    one = new or old
    assert one is not None
    cause, change = _cause(old, new)
    side = modules[1] if new else modules[0]
    return DiffRow(
        path=one.path,
        from_bytes=old.total_bytes if old else 0,
        to_bytes=new.total_bytes if new else 0,
        cause=cause,
        change=change,
        place=_place(cause, [row for row in (new, old) if row], side),
    )


def _cause(old: Row | None, new: Row | None) -> tuple[Cause, str]:
    if old is None or new is None:
        text = "removed" if new is None else "added"
        return Cause.STRUCTURE, text
    if TIED in (old.kind, new.kind):
        return Cause.TIE, f"{_owner_text(old)} → {_owner_text(new)}"
    if {RANGE, TABLE} & {old.kind, new.kind}:
        return Cause.FORMAT, f"{old.format} → {new.format}"
    if old.shape != new.shape:
        return Cause.SHAPE, f"{_shape_text(old)} → {_shape_text(new)}"
    return _format_cause(old.storage.format, new.storage.format), f"{old.format} → {new.format}"


def _format_cause(old: WeightFormat, new: WeightFormat) -> Cause:
    """Sparsity or group where that alone differs."""
    if replace(old, pattern=new.pattern) == new:
        return Cause.SPARSITY
    return Cause.GROUP if replace(old, grouping=new.grouping) == new else Cause.FORMAT


def _owner_text(row: Row) -> str:
    return f"tied to {row.storage.path}" if row.kind == TIED else "its own"


def _shape_text(row: Row) -> str:
    return "×".join(map(str, row.shape)) or "scalar"


def _place(cause: Cause, sides: Sequence[Row], modules: Mapping[str, Module]) -> Place | None:
    """The rule that gave the format, the new one first; else the member that made the parameter."""
    row = sides[0]
    spans = []
    if cause in (Cause.FORMAT, Cause.GROUP, Cause.SPARSITY):
        spans = [side.storage.assigned.span for side in sides]
    spans.append(row.storage.place)
    if (module := modules.get(row.path.rpartition(".")[0])) is not None:
        spans.append(module.span)
    return next((_written(span) for span in spans if span != no_span()), None)


def _written(span: Span) -> Place:
    location = span.location
    return Place(span.source.name, location.line, location.column)


# ---- budgets and JSON --------------------------------------------------------------------------


def _budgets(before: Iterable[Outcome], after: Iterable[Outcome]) -> tuple[BudgetChange, ...]:
    old, new = ({o.limit.text: o for o in side} for side in (before, after))
    return tuple(BudgetChange(old.get(text), new.get(text)) for text in {**old, **new})


def to_json(diff: Diff) -> dict[str, Any]:
    """The difference as JSON values; docs/reports.md says what each key means."""
    return {
        "from": diff.before.variant,
        "to": diff.after.variant,
        "from_bytes": diff.before.total_bytes,
        "to_bytes": diff.after.total_bytes,
        "delta_bytes": diff.delta_bytes,
        "rows": [_row_json(row) for row in diff.rows],
        "budgets": [
            {
                "from": outcome_json(b.before) if b.before else None,
                "to": outcome_json(b.after) if b.after else None,
            }
            for b in diff.budgets
        ],
    }


def _row_json(row: DiffRow) -> dict[str, Any]:
    place = row.place
    return {
        "path": row.path,
        "from_bytes": row.from_bytes,
        "to_bytes": row.to_bytes,
        "cause": row.cause.value,
        "change": row.change,
        "place": place and {"file": place.file, "line": place.line, "column": place.column},
    }
