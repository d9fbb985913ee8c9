"""Holds what a benchmark found."""

from collections.abc import Mapping

from qdsl.bench.roofline import Bound, Limits, Work
from qdsl.bench.sample import Sample, paired, sample
from qdsl.record import record


@record
class LayerRow:
    """One operation on weights; without `fraction` and `bound` where no limits were measured."""

    path: str
    operation: str
    kernel: str
    format: str
    work: Work
    seconds: Sample
    fraction: Sample | None
    bound: Bound | None

    @property
    def bytes_per_second(self) -> float:
        return self.work.bytes / max(self.seconds.median, 1e-12)

    @property
    def operations_per_second(self) -> float:
        return self.work.operations / max(self.seconds.median, 1e-12)


@record
class RestRow:
    """All nodes of one operation that read no weights."""

    operation: str
    count: int
    seconds: Sample


@record
class ModelReport:
    """An entry of a packed model, run on random inputs.

    seconds: of the entry; between: what is in none of its operations, which are timed apart.
    """

    name: str
    entry: str
    sizes: Mapping[str, int]
    backend: str
    threads: int
    seconds: Sample
    layers: tuple[LayerRow, ...]
    rest: tuple[RestRow, ...]
    limits: tuple[Limits, ...]

    @property
    def in_layers(self) -> Sample | None:
        return _sum([row.seconds for row in self.layers])

    @property
    def in_operations(self) -> Sample | None:
        return _sum([*(r.seconds for r in self.layers), *(r.seconds for r in self.rest)])

    @property
    def operations(self) -> int:
        return sum(row.work.operations for row in self.layers)

    def share(self, seconds: Sample) -> float:
        """Of the time of all operations."""
        found = self.in_operations
        return paired(seconds, found).median if found else 0.0

    @property
    def between(self) -> Sample:
        """Seconds of the entry less those of its operations, which a noisy round makes negative."""
        found = self.in_operations
        times = found.values if found else (0.0,) * len(self.seconds.values)
        pairs = zip(self.seconds.values, times, strict=True)
        return sample(whole - parts for whole, parts in pairs)


@record
class KernelRow:
    """A kernel alone. cold: each call has other weights, which come from memory."""

    layer: LayerRow
    activations: str
    cold: bool
    copies: int
    limits: tuple[Limits, ...]


@record
class KernelReport:
    """Kernels alone, in the order in which they were asked for."""

    backend: str
    threads: int
    rows: tuple[KernelRow, ...]


def _sum(samples: list[Sample]) -> Sample | None:
    """Round by round; None of none."""
    if not samples:
        return None
    return sample(sum(round) for round in zip(*(s.values for s in samples), strict=True))
