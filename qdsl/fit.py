"""Fits a variant to its budget: solves for the open formats, and judges what was found exactly."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from math import ceil

from qdsl.diagnostic.model import QdslError, error
from qdsl.ir.format import WeightFormat
from qdsl.size.budget import Measure, Outcome
from qdsl.size.device import serves
from qdsl.size.fit import Unfit, caps_of, solve
from qdsl.spec import Variant

ROUNDS = 32
STEP = 64  # what the header grows by, at least


def fit(variant: Variant) -> dict[str, str]:
    """The format of each open storage by path, empty where none is open.

    Raises QdslError: Q407 where no choice keeps the budget, Q402 and Q403 for a wrong limit.
    """
    open_variant = replace(variant, locked=None)
    if not open_variant.open:
        return {}
    lines = open_variant.judged_interval()
    wrong = [d for j in lines if j.least.outcome is None for d in j.least.diagnostics]
    if wrong:
        raise QdslError(wrong)
    outcomes = [j.least.outcome for j in lines if j.least.outcome]
    # a header repeats the choices: how long it is follows from them, so it is found by trying
    slack = 0
    for _ in range(ROUNDS):
        chosen = _solved(open_variant, outcomes, slack)
        missed = [o for o in chosen.outcomes() if not o.held]
        if not missed:
            return dict(chosen.locked or {})
        slack += max(STEP, *(_bytes_over(o) for o in missed))
    raise _unfit(open_variant, outcomes)


def _solved(variant: Variant, outcomes: Sequence[Outcome], slack: int) -> Variant:
    header = variant.interval().least.header_bytes + slack
    caps = caps_of((o.limit for o in outcomes), variant.source, header)
    try:
        formats: Mapping[str, WeightFormat] = solve(variant.source, caps, _served(variant))
    except Unfit:
        raise _unfit(variant, outcomes) from None
    return variant.choosing(lambda s: formats[s.path])


def _served(variant: Variant) -> Callable[[WeightFormat], bool]:
    """Whether the variant's target serves a format; without a target all are."""
    target = variant.resolved.target
    if target is None:
        return lambda format: True
    return partial(serves, target)


def _bytes_over(outcome: Outcome) -> int:
    """Bytes that a limit of the file's size is missed by; 0 for other measures."""
    is_size = outcome.limit.measure is Measure.SIZE and outcome.limit.whole
    return ceil(outcome.shortfall) if is_size else 0


def _unfit(variant: Variant, outcomes: Sequence[Outcome]) -> QdslError:
    limits = ", ".join(f"`{o.limit.text}`" for o in outcomes)
    message = f"no choice of formats keeps the budget of `{variant.label}`"
    help = f"raise one of {limits}, or add a smaller format to an `any(…)`"
    return QdslError([error("Q407", message, variant.resolved.span, help=help)])
