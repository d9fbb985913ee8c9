"""Says how long work must take at least, by what was measured of the machine in the same round."""

from collections.abc import Mapping
from enum import StrEnum

from qdsl.bench.sample import Sample, sample
from qdsl.record import record
from qdsl.target import Measured, Peak


class Bound(StrEnum):
    """What a machine runs out of."""

    BANDWIDTH = "bandwidth"
    PRODUCTS = "products"


@record
class Work:
    """What an operation on weights has to do.

    shape: M, N, K of a product x [M, K] with weights [N, K], or M, K of M rows looked up. bytes: of
    packed weights that are read, each time that they are; operations: 2·M·N·K. working_set: bytes
    that are read before the first of them is read again. operands: `int8`, `bf16` or `f32`.
    """

    shape: tuple[int, ...]
    bytes: int
    operations: int
    working_set: int
    operands: str

    @property
    def intensity(self) -> float:
        """Operations for each byte."""
        return self.operations / self.bytes if self.bytes else 0.0


@record
class Limits:
    """What the machine could do in one round.

    bandwidths: bytes a second by working set; peaks: operations a second; fork_join: seconds.
    """

    bandwidths: Mapping[int, float]
    peaks: Mapping[Peak, float]
    fork_join: float

    def bandwidth(self, working_set: int) -> float:
        """That of the smallest working set measured that is no smaller, else of the largest."""
        larger = [known for known in self.bandwidths if known >= working_set]
        return self.bandwidths[min(larger) if larger else max(self.bandwidths)]

    def peak(self, operands: str) -> float:
        """That of the best instructions; operands that none multiplies are multiplied as f32."""
        rates = [rate for peak, rate in self.peaks.items() if peak.operands == operands]
        return max(rates) if rates or operands == "f32" else self.peak("f32")


def least_seconds(work: Work, limits: Limits) -> float:
    """max(bytes / bandwidth of that working set, 2MNK / peak)."""
    return max(_reading(work, limits), _multiplying(work, limits))


def bound(work: Work, limits: Limits) -> Bound:
    """Which of the two it is."""
    reads = _reading(work, limits) >= _multiplying(work, limits)
    return Bound.BANDWIDTH if reads else Bound.PRODUCTS


def fractions(work: Work, limits: tuple[Limits, ...], seconds: Sample) -> Sample:
    """Least time over time, round by round: 1 is at the limit."""
    pairs = zip(limits, seconds.values, strict=True)
    return sample(least_seconds(work, here) / max(time, 1e-12) for here, time in pairs)


def measure(machine: Measured, threads: int, working_sets: frozenset[int]) -> Limits:
    """The limits of one round; working sets beyond the caches are all alike."""
    memory = machine.memory_bytes()
    sets = {memory, *(size for size in working_sets if 0 < size < memory)}
    return Limits(
        bandwidths={size: machine.bandwidth(size, threads) for size in sorted(sets)},
        peaks={peak: machine.rate(peak, threads) for peak in machine.peaks()},
        fork_join=machine.fork_join(threads),
    )


def best(before: Limits, after: Limits) -> Limits:
    """What the machine could do in a round at most: the better of what was measured around it."""
    return Limits(
        {size: max(rate, after.bandwidths[size]) for size, rate in before.bandwidths.items()},
        {peak: max(rate, after.peaks[peak]) for peak, rate in before.peaks.items()},
        min(before.fork_join, after.fork_join),
    )


def _reading(work: Work, limits: Limits) -> float:
    return work.bytes / limits.bandwidth(work.working_set)


def _multiplying(work: Work, limits: Limits) -> float:
    return work.operations / limits.peak(work.operands)
