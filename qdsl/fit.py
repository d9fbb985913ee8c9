"""Fits a variant to its budget: solves for the open formats, and judges what was found exactly."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil

from qdsl.diagnostic.model import QdslError, error
from qdsl.size.assignment import Unfit, caps_of, solve
from qdsl.size.budget import Comparison, Limit, Measure, Outcome, judge
from qdsl.size.quantity import exact_bytes
from qdsl.spec import Variant

ROUNDS = 32
STEP = 64  # what the header grows by, at least


def fit(variant: Variant) -> dict[str, str]:
    """The format of each open storage by path, empty where none is open.

    It is one that the variant's target serves, and all of them keep the budget and fit into the
    target's memory. Raises QdslError: Q407 where no choice does, Q402 and Q403 for a wrong limit.
    """
    open_variant = replace(variant, locked=None)
    if not open_variant.open:
        return {}
    limits = _limits(open_variant)
    # a header repeats the choices: how long it is follows from them, so it is found by trying
    slack = 0
    for _ in range(ROUNDS):
        chosen = _solved(open_variant, limits, slack)
        missed = [o for limit in limits if not (o := judge(limit, chosen.size())).held]
        if not missed:
            return dict(chosen.locked or {})
        slack += max(STEP, *(_bytes_over(o) for o in missed))
    raise _unfit(open_variant, limits)


def _limits(variant: Variant) -> list[Limit]:
    """Those of the budget, and the memory of the target."""
    lines = variant.judged_interval()
    if wrong := [d for j in lines if j.least.outcome is None for d in j.least.diagnostics]:
        raise QdslError(wrong)
    limits = [j.least.outcome.limit for j in lines if j.least.outcome]
    target = variant.resolved.target
    if target is not None and target.memory is not None:
        text = f"{exact_bytes(target.memory)} of memory of target {target.name}"
        room = Fraction(target.memory)
        limits.append(Limit(text, Measure.SIZE, Comparison.AT_MOST, room, whole=True))
    return limits


def _solved(variant: Variant, limits: Sequence[Limit], slack: int) -> Variant:
    header = variant.interval().least.header_bytes + slack
    caps = caps_of(limits, variant.source, header)
    try:
        formats = solve(variant.source, caps, variant.serves)
    except Unfit:
        raise _unfit(variant, limits) from None
    return variant.choosing(lambda s: formats[s.path])


def _bytes_over(outcome: Outcome) -> int:
    """Bytes that a limit of the file's size is missed by; 0 for other measures."""
    is_size = outcome.limit.measure is Measure.SIZE and outcome.limit.whole
    return ceil(outcome.shortfall) if is_size else 0


def _unfit(variant: Variant, limits: Sequence[Limit]) -> QdslError:
    for storage in variant.open:
        if not any(map(variant.serves, storage.choices)):
            target = variant.resolved.target
            assert target is not None
            message = f"target `{target.name}` serves no format that `{storage.path}` may have"
            help = f"it serves {', '.join(f'`{f}`' for f in target.formats)}"
            return QdslError([error("Q407", message, storage.assigned.span, help=help)])
    message = f"no choice of formats keeps the budget of `{variant.label}`"
    listed = ", ".join(f"`{limit.text}`" for limit in limits)
    help = f"raise one of {listed}, or add a smaller format to an `any(…)`"
    return QdslError([error("Q407", message, variant.resolved.span, help=help)])
