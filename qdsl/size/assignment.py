"""Chooses a format for every storage that `any(…)` leaves open, so that a budget holds.

An integer program (HiGHS) of one binary variable for each storage and format. Among the choices
that keep the budget the one of least noise is taken. Before training, the noise of a format of b
bits is taken as that of a uniform quantizer, numel · 4^-b (Bennett, 1948).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import log2
from typing import Any, assert_never

from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FloatGrid,
    IntegerGrid,
    Levels,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.model import Model, Storage
from qdsl.size.budget import Comparison, Limit, Measure
from qdsl.size.choices import format_bytes, open_storages


class Unfit(Exception):
    """No choice keeps the limits."""


@dataclass(frozen=True)
class Cap:
    """Bytes of the covered storages together: at most (or, negated, at least) so many."""

    limit: Limit
    most: Fraction
    negated: bool = False


@dataclass(frozen=True)
class Option:
    """A storage in one of its formats."""

    storage: Storage
    format: WeightFormat
    bytes: int = field(init=False)
    noise: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "bytes", format_bytes(self.storage, self.format))
        object.__setattr__(self, "noise", noise(self.storage, self.format))


def solve(
    model: Model, caps: Iterable[Cap], serves: Callable[[WeightFormat], bool]
) -> Mapping[str, WeightFormat]:
    """The format of each open storage, one that `serves`, of least noise under the caps.

    Raises Unfit.

    Ties are settled by fewer bytes, then by the order of the spec.
    """
    import highspy

    options = [[Option(s, f) for f in s.choices if serves(f)] for s in open_storages(model)]
    if not all(options):
        raise Unfit
    fixed = [s for s in model.storages if not s.choices]
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.silent()
    variables = [[solver.addBinary() for _ in row] for row in options]
    for row in variables:
        solver.addConstr(sum(row) == 1)
    for cap in caps:
        _constrain(solver, cap, options, variables, fixed)
    solver.minimize(_objective(options, variables))
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise Unfit
    return {
        row[0].storage.path: next(
            o.format for o, x in zip(row, xs, strict=True) if solver.val(x) > 0.5
        )
        for row, xs in zip(options, variables, strict=True)
    }


def noise(storage: Storage, format: WeightFormat) -> float:
    """numel · 4^-b, b the bits of a code (log2 of the levels), 0 for floats."""
    bits = _level_bits(format)
    return 0.0 if bits is None else storage.parameter.numel * 4.0**-bits


def caps_of(limits: Iterable[Limit], model: Model, header: int) -> list[Cap]:
    """What the limits allow the covered storages in bytes; `header` counts in whole limits."""
    found = []
    for limit in limits:
        params = sum(s.parameter.numel for s in model.storages if limit.covers(s.path))
        at_most = limit.comparison in (Comparison.AT_MOST, Comparison.BELOW)
        match limit.measure:
            case Measure.SIZE:
                size = limit.limit
            case Measure.BITS:
                size = limit.limit * params / 8
            case Measure.RATIO if limit.unit == "%":
                size = limit.limit * limit.baseline.bytes * params / 100
            case Measure.RATIO:
                size, at_most = limit.baseline.bytes * params / limit.limit, not at_most
            case Measure.PARAMS | Measure.MACS:
                continue  # no format changes them
            case _:
                assert_never(limit.measure)
        size -= header if limit.whole else 0
        found.append(Cap(limit, size, negated=not at_most))
    return found


def _constrain(
    solver: Any,
    cap: Cap,
    options: Sequence[Sequence[Option]],
    variables: Sequence[Sequence[Any]],
    fixed: Iterable[Storage],
) -> None:
    covers = (lambda path: True) if cap.limit.whole else cap.limit.covers
    constant = sum(format_bytes(s, s.format) for s in fixed if covers(s.path))
    terms = [
        option.bytes * x
        for row, xs in zip(options, variables, strict=True)
        for option, x in zip(row, xs, strict=True)
        if covers(option.storage.path)
    ]
    if terms:
        total, room = sum(terms), float(cap.most - constant)
        solver.addConstr(total >= room if cap.negated else total <= room)


def _objective(options: Sequence[Sequence[Option]], variables: Sequence[Sequence[Any]]) -> Any:
    """Noise, scaled to about 1, and a little for bytes, which decides between equals."""
    flat = [o for row in options for o in row]
    loudest = max((o.noise for o in flat), default=0.0) or 1.0
    total = sum(max(o.bytes for o in row) for row in options) or 1
    return sum(
        (o.noise / loudest + 1e-6 * o.bytes / total) * x
        for row, xs in zip(options, variables, strict=True)
        for o, x in zip(row, xs, strict=True)
    )


def _level_bits(format: WeightFormat) -> float | None:
    grid = format.grid
    match grid:
        case FloatGrid():
            return None
        case IntegerGrid(bits, levels=levels):
            return log2((1 << bits) - (levels is Levels.NARROW))
        case TernaryGrid():
            return log2(3)
        case BinaryGrid():
            return 1.0
        case CodebookGrid(bits):
            return float(bits)
        case _:
            assert_never(grid)
