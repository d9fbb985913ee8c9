"""Holds what rounding without training costs each weight, and writes it as text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WeightError:
    """One weight: how far its product is off, as a share of the product's size.

    The share is sqrt(Σ|x·(w - ŵ)|² / Σ|x·w|²) over the recorded inputs, `rounded` of plain rounding
    and `error` of the codes that were taken; None where no inputs were recorded. `compensated`:
    whether the codes are other than those of plain rounding.
    """

    path: str
    format: str
    compensated: bool
    rounded: float | None = None
    error: float | None = None


@dataclass(frozen=True, slots=True)
class Compensation:
    """What `Program.compensate` did, weight by weight in the order of the work."""

    weights: tuple[WeightError, ...]

    def __repr__(self) -> str:
        count = sum(w.compensated for w in self.weights)
        return f"<Compensation: {count} of {len(self.weights)} weights>"

    def __str__(self) -> str:
        width = max((len(w.path) for w in self.weights), default=0)
        kind = max((len(w.format) for w in self.weights), default=0)
        return "\n".join(f"{w.path:<{width}}  {w.format:<{kind}}  {_said(w)}" for w in self.weights)


def _said(weight: WeightError) -> str:
    if weight.rounded is None or weight.error is None:
        return "rounded: no inputs recorded"
    if not weight.compensated:
        return f"rounded: error {weight.rounded:.3%}, no less with compensation"
    return f"error {weight.rounded:.3%} -> {weight.error:.3%}"
