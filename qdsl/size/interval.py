"""Writes the sizes that a variant with open formats can have: from the least to the most."""

from collections.abc import Iterable
from typing import Any

from qdsl.ir.model import Storage
from qdsl.record import record
from qdsl.size.budget import Outcome, amount_text
from qdsl.size.count import Row
from qdsl.size.folding import folded
from qdsl.size.limits import Judged
from qdsl.size.quantity import bytes_text, exact_bytes, ratio_text
from qdsl.size.report import Report, to_json
from qdsl.size.table import table


@record
class Interval:
    """A variant in its smallest choices and in its largest; `open` are the storages left open."""

    least: Report
    most: Report
    open: tuple[Storage, ...]


@record
class JudgedInterval:
    """One line of a budget at both ends; `diagnostics` where no choice can hold it."""

    least: Judged
    most: Judged

    @property
    def held(self) -> tuple[bool, bool]:
        return _held(self.least), _held(self.most)

    @property
    def possible(self) -> bool:
        return any(self.held)


def interval_text(interval: Interval) -> str:
    """Head line and one line per storage, runs of equal layers folded."""
    least, most = interval.least, interval.most
    head = (
        f"{least.variant}: {exact_bytes(least.total_bytes)} to {exact_bytes(most.total_bytes)}, "
        f"{ratio_text(most.float32_bytes, most.total_bytes)} to "
        f"{ratio_text(least.float32_bytes, least.total_bytes)} smaller than f32, "
        f"{len(interval.open)} formats open: `qdsl fit` chooses them"
    )
    return "\n".join((head, "", *_table(interval), ""))


def judged_text(judged: JudgedInterval) -> str:
    """`size(*) <= 12 MiB: 10.00 MiB to 14.00 MiB, held by some choices`."""
    outcomes = [j.outcome for j in (judged.least, judged.most) if j.outcome]
    words = {(True, True): "held", (False, False): "missed by every choice"}
    verdict = words.get(judged.held, "held by some choices")
    return f"{outcomes[0].limit.text}: {_amounts(outcomes)}, {verdict}"


def interval_json(interval: Interval, judged: Iterable[JudgedInterval]) -> dict[str, Any]:
    """Both reports, the formats of each open storage, and what the budget says."""
    return {
        "variant": interval.least.variant,
        "open": {s.path: [str(f) for f in s.choices] for s in interval.open},
        "least": to_json(interval.least),
        "most": to_json(interval.most),
        "budgets": [
            {"limit": j.least.outcome.limit.text, "held": list(j.held)}
            for j in judged
            if j.least.outcome
        ],
    }


def _held(judged: Judged) -> bool:
    return judged.outcome is not None and judged.outcome.held


def _amounts(outcomes: list[Outcome]) -> str:
    texts = dict.fromkeys(amount_text(o.limit, o.measured) for o in outcomes)
    return " to ".join(texts)


def _table(interval: Interval) -> list[str]:
    most = {row.path: row.total_bytes for row in interval.most.rows}
    choices = {s.path: s.choices for s in interval.open}
    lines = [("bytes", "", "", "path", "", "shape", "format")]
    for line in folded(interval.least.rows):
        row = line.row
        low, high = line.total_bytes, line.count * most[row.path]
        lines.append(
            (
                f"{low:,}",
                f"to {high:,}" if high != low else "",
                bytes_text(high) if high >= 1024 else "",
                line.path,
                f"×{line.count}" if line.count > 1 else "",
                "×".join(map(str, row.shape)) or "scalar",
                _format(row, choices.get(row.storage.path, ())),
            )
        )
    return table(lines, right=(0, 1, 2))


def _format(row: Row, choices: Iterable[object]) -> str:
    texts = ", ".join(map(str, choices))
    return f"any({texts})" if texts else row.format
