"""Holds what rounds of a measurement gave."""

from collections.abc import Iterable
from statistics import median, quantiles

from qdsl.record import record


@record
class Sample:
    """One number per round, in the order of the rounds; never empty."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Half of the rounds lie between the two."""
        if len(self.values) == 1:
            return self.values[0], self.values[0]
        low, _, high = quantiles(self.values, n=4, method="inclusive")
        return low, high


def sample(values: Iterable[float]) -> Sample:
    """The sample of these rounds; raises ValueError without one."""
    found = tuple(values)
    if not found:
        raise ValueError("no rounds")
    return Sample(found)


def paired(numerators: Sample, denominators: Sample) -> Sample:
    """Ratios round by round: what slowed a whole round down is in both."""
    pairs = zip(numerators.values, denominators.values, strict=True)
    return sample(above / below for above, below in pairs)
