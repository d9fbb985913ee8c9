"""Resolves the limits of a budget against a model, and reports the ones that are missed."""

from collections.abc import Iterable
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from types import MappingProxyType

from qdsl.devices.profile import UNITS as BYTE_UNITS
from qdsl.diagnostic.model import Diagnostic, error
from qdsl.diagnostic.suggest import suggestion
from qdsl.ir.format import FloatType
from qdsl.ir.model import Model, Module, join
from qdsl.record import record
from qdsl.sema.selector import match_all
from qdsl.size.budget import (
    Comparison,
    Limit,
    Measure,
    Outcome,
    amount_text,
    judge,
)
from qdsl.size.macs import free_dims
from qdsl.size.report import Report
from qdsl.syntax import tree

BYTES: dict[str | None, int] = dict(BYTE_UNITS.items())
COUNTS: dict[str | None, int] = {None: 1, "K": 10**3, "M": 10**6, "G": 10**9}
UNITS: dict[Measure, dict[str | None, int]] = {
    Measure.SIZE: BYTES,
    Measure.BITS: {None: 1},
    Measure.PARAMS: COUNTS,
    Measure.RATIO: {"x": 1, "%": 1, None: 1},
    Measure.MACS: COUNTS,
}


@record
class Judged:
    """The outcome of one line of a budget, or what is wrong with the line."""

    line: tree.Limit
    outcome: Outcome | None
    diagnostics: tuple[Diagnostic, ...]


@record
class Selected:
    """Names of the parameters that a selector covers; `found` whether it matches anything."""

    found: bool
    names: frozenset[str]


class _Wrong(Exception):
    def __init__(self, diagnostic: Diagnostic) -> None:
        self.diagnostic = diagnostic


def judge_all(lines: Iterable[tree.Limit], report: Report) -> tuple[Judged, ...]:
    """Every line of a budget judged, in order."""
    lines = tuple(lines)
    selected = _selected(report.source.root, tuple(line.selector for line in lines))
    return tuple(_judged(x, s, report) for x, s in zip(lines, selected, strict=True))


@lru_cache(maxsize=2)
def _selected(root: Module, selectors: tuple[tree.Selector, ...]) -> tuple[Selected, ...]:
    """What each selector covers; variants of one model have it in common."""
    return tuple(
        Selected(
            bool(matches),
            frozenset(
                join(m.path, p.name)
                for m in matches
                for p in ([m.parameter] if m.parameter else m.module.parameters)
            ),
        )
        for matches in match_all(selectors, root)
    )


def _judged(line: tree.Limit, selected: Selected, report: Report) -> Judged:
    try:
        outcome = judge(_limit(line, selected, report.source), report)
    except _Wrong as wrong:
        return Judged(line, None, (wrong.diagnostic,))
    return Judged(line, outcome, () if outcome.held else (_missed(line, outcome, report.variant),))


def _missed(line: tree.Limit, outcome: Outcome, variant: str) -> Diagnostic:
    limit = outcome.limit
    amount = amount_text(limit, outcome.measured)
    shortfall = amount_text(limit, outcome.shortfall)
    shown = [f"`{c.path}` has {c.amount:,}" for c in outcome.contributors]
    unit = "B" if limit.measure in (Measure.SIZE, Measure.BITS, Measure.RATIO) else ""
    return error(
        "Q401",
        f"`{variant}` misses its budget: `{limit.text}` is {amount}",
        line.span,
        f"missed by {shortfall}",
        notes=[f"largest: {s} {unit}".rstrip() for s in shown],
        help="give the largest a smaller format, or raise the limit",
    )


def _limit(line: tree.Limit, selected: Selected, model: Model) -> Limit:
    measure = _measure(line)
    quantity = line.quantity
    scale = UNITS[measure].get(quantity.unit)
    if scale is None:
        known = ", ".join(f"`{u}`" for u in UNITS[measure] if u)
        help = f"one of {known}" if known else "a plain number"
        what = f"unit `{quantity.unit}`" if quantity.unit else "no unit"
        raise _Wrong(error("Q402", f"`{measure}` has {what}", quantity.span, help=help))
    common = Limit(
        text=" ".join(line.span.text.split()),
        measure=measure,
        comparison=Comparison(line.comparison),
        limit=Fraction(quantity.text.replace("_", "")) * scale,
        unit=quantity.unit or "",
    )
    if measure is Measure.MACS:
        return _macs(line, common, model)
    if line.bindings:
        span = line.bindings[0].span
        raise _Wrong(error("Q402", f"`{measure}` takes a selector only", span))
    whole = line.selector.kind is None and [s.globs for s in line.selector.segments] == [("*",)]
    covered = frozenset() if whole else _covered(line, selected, model)
    return replace(common, whole=whole, covers=covered.__contains__, baseline=_baseline(line))


def _measure(line: tree.Limit) -> Measure:
    known = [m.value for m in Measure]
    if line.measure.text in known:
        return Measure(line.measure.text)
    message = f"unknown measure `{line.measure.text}`"
    help = suggestion(line.measure.text, known)
    raise _Wrong(error("Q402", message, line.measure.span, help=help))


def _baseline(line: tree.Limit) -> FloatType:
    if line.over is None:
        return FloatType.F32
    if line.over.text in ("f32", "bf16"):
        return FloatType(line.over.text)
    message = f"ratio over `{line.over.text}`"
    raise _Wrong(error("Q402", message, line.over.span, help="over f32 or over bf16"))


def _covered(line: tree.Limit, selected: Selected, model: Model) -> frozenset[str]:
    """Paths of the storages a selector covers, by their own names or by a tied one."""
    tied = selected.names & model.ties.keys()
    found = (selected.names - tied) | {model.ties[n] for n in tied}
    if not found:
        text = line.selector.span.text
        message = f"selector `{text}` covers no weights"
        help = f"did you mean `{text}.**`?" if selected.found else "see the paths with `qdsl size`"
        raise _Wrong(error("Q403", message, line.selector.span, help=help))
    return found


def _macs(line: tree.Limit, common: Limit, model: Model) -> Limit:
    """`macs(encode, B = 1, T = 1000)`: an entry, every free dim bound."""
    entry = line.selector.span.text
    known = [e.name for e in model.entries]
    if entry not in known:
        message = f"no entry `{entry}`"
        help = suggestion(entry, known)
        raise _Wrong(error("Q403", message, line.selector.span, help=help))
    sizes: dict[str, int] = {}
    for binding in line.bindings:
        if binding.name is None or not isinstance(binding.value, tree.Integer):
            raise _Wrong(error("Q402", "expected `dim = integer`", binding.span))
        sizes[binding.name.text] = binding.value.value
    free = free_dims(model, entry)
    for name in sizes:
        if name not in free:
            span = next(b.span for b in line.bindings if b.name and b.name.text == name)
            help = suggestion(name, free)
            raise _Wrong(error("Q402", f"`{entry}` has no free dim `{name}`", span, help=help))
    if missing := sorted(free - sizes.keys()):
        message = f"`{missing[0]}` of `{entry}` is not bound"
        help = f"add `{missing[0]} = …`"
        raise _Wrong(error("Q402", message, line.selector.span, help=help))
    return replace(common, whole=True, entry=entry, sizes=MappingProxyType(sizes))
