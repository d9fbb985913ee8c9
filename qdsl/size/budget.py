"""Judges a budget: what a limit measures, whether it holds, by how much not, what weighs most."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import StrEnum
from fractions import Fraction
from heapq import nlargest
from typing import Any, assert_never

from qdsl.ir.format import FloatType
from qdsl.ir.model import join
from qdsl.record import record
from qdsl.size.count import Row
from qdsl.size.folding import folded
from qdsl.size.macs import Macs, macs
from qdsl.size.quantity import decimal, exact_bytes
from qdsl.size.report import Report

_MOST_CONTRIBUTORS = 5


class Measure(StrEnum):
    """bits = 8 · size / params; ratio = baseline / size, with unit `%` 100 · size / baseline.

    params and baseline count the source model's parameters, tied ones once.
    """

    SIZE = "size"
    BITS = "bits"
    PARAMS = "params"
    RATIO = "ratio"
    MACS = "macs"


class Comparison(StrEnum):
    AT_MOST = "<="
    AT_LEAST = ">="
    BELOW = "<"
    ABOVE = ">"

    def holds(self, measured: Fraction, limit: Fraction) -> bool:
        match self:
            case Comparison.AT_MOST:
                return measured <= limit
            case Comparison.AT_LEAST:
                return measured >= limit
            case Comparison.BELOW:
                return measured < limit
            case Comparison.ABOVE:
                return measured > limit
            case _:
                assert_never(self)


def _everything(path: str) -> bool:
    return True


@record
class Limit:
    """One line of a budget, its names resolved.

    `text` is what the spec says, `limit` the number in bytes, bits, parameters, times or products,
    `unit` the word that stood behind it. `covers` says which storage paths count; a `whole` limit
    (`size(*)`) counts the file, header included. `baseline` is for ratios, `entry` and `sizes`
    (free dim → size) for macs.
    """

    text: str
    measure: Measure
    comparison: Comparison
    limit: Fraction
    unit: str = ""
    whole: bool = False
    covers: Callable[[str], bool] = field(default=_everything, compare=False, repr=False)
    baseline: FloatType = FloatType.F32
    entry: str = ""
    sizes: Mapping[str, int] = field(default_factory=dict)


@record
class Contributor:
    """A layer, or a run of equal ones, and its part of what is measured (bytes, or products)."""

    path: str
    amount: int


@record
class Outcome:
    """`shortfall` is how far the measured value is on the wrong side of the limit, 0 where held.

    `covered` are the rows that were measured, `products` what an entry multiplies.
    """

    limit: Limit
    measured: Fraction
    held: bool
    shortfall: Fraction
    covered: tuple[Row, ...] = field(compare=False, repr=False)
    products: tuple[Macs, ...] = field(compare=False, repr=False)

    @property
    def contributors(self) -> tuple[Contributor, ...]:
        """What weighs most, the largest first; equal ones in the order of the model."""
        match self.limit.measure:
            case Measure.MACS:
                found = [Contributor(m.path, m.count) for m in self.products]
            case Measure.PARAMS:
                lines = folded(self.covered)
                found = [Contributor(x.path, x.count * x.row.params) for x in lines]
            case _:
                found = [Contributor(x.path, x.total_bytes) for x in folded(self.covered)]
        largest = nlargest(_MOST_CONTRIBUTORS, found, key=lambda c: c.amount)
        return tuple(c for c in largest if c.amount)


def judge(limit: Limit, report: Report) -> Outcome:
    """Raises KeyError for an unknown entry, or a free dim without a size."""
    covered = [row for row in report.rows if limit.whole or limit.covers(_as_written(row, report))]
    products = macs(report.model, limit.entry, limit.sizes) if limit.measure is Measure.MACS else ()
    measured = _measured(limit, report, covered, products)
    held = limit.comparison.holds(measured, limit.limit)
    return Outcome(
        limit=limit,
        measured=measured,
        held=held,
        shortfall=Fraction(0) if held else abs(measured - limit.limit),
        covered=tuple(covered),
        products=products,
    )


def _as_written(row: Row, report: Report) -> str:
    """The path that a selector can know: a bias that folding added counts with its weight."""
    if row.path in report.source_paths:
        return row.path
    return join(row.path.rpartition(".")[0], "weight")


def _measured(
    limit: Limit, report: Report, covered: Iterable[Row], products: Iterable[Macs]
) -> Fraction:
    size = report.total_bytes if limit.whole else sum(row.total_bytes for row in covered)
    params = sum(
        s.parameter.numel for s in report.source.storages if limit.whole or limit.covers(s.path)
    )
    match limit.measure:
        case Measure.SIZE:
            return Fraction(size)
        case Measure.PARAMS:
            return Fraction(params)
        case Measure.BITS:
            return Fraction(8 * size, params or 1)
        case Measure.RATIO:
            baseline = limit.baseline.bytes * params
            if limit.unit == "%":
                return Fraction(100 * size, baseline or 1)
            return Fraction(baseline, size or 1)
        case Measure.MACS:
            return Fraction(sum(m.count for m in products))
        case _:
            assert_never(limit.measure)


# ---- text and JSON -----------------------------------------------------------------------------


def amount_text(limit: Limit, value: Fraction) -> str:
    """A measured value, limit or shortfall, in the terms of the measure."""
    match limit.measure:
        case Measure.SIZE:
            return exact_bytes(-(-value.numerator // value.denominator))
        case Measure.BITS:
            return f"{decimal(value)} bits per weight"
        case Measure.RATIO:
            return f"{decimal(value)}{limit.unit or 'x'}"
        case Measure.PARAMS | Measure.MACS:
            return f"{-(-value.numerator // value.denominator):,}"
        case _:
            assert_never(limit.measure)


def outcome_text(outcome: Outcome) -> str:
    """`size(*) <= 12 MiB: 11.80 MiB (12,373,196 B), held`."""
    limit = outcome.limit
    missed = f"missed by {amount_text(limit, outcome.shortfall)}"
    verdict = "held" if outcome.held else missed
    return f"{limit.text}: {amount_text(limit, outcome.measured)}, {verdict}"


def to_json(outcome: Outcome) -> dict[str, Any]:
    """The outcome as JSON values; docs/reports.md says what each key means."""
    return {
        "limit": outcome.limit.text,
        "measure": outcome.limit.measure.value,
        "measured": _number(outcome.measured),
        "held": outcome.held,
        "shortfall": _number(outcome.shortfall),
        "contributors": [{"path": c.path, "amount": c.amount} for c in outcome.contributors],
    }


def _number(value: Fraction) -> int | float:
    return int(value) if value.denominator == 1 else float(value)
