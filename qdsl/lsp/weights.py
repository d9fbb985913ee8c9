"""Says what the members of blocks weigh in a variant: the bytes of a line of a spec."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from qdsl.ir.model import join
from qdsl.size.count import Row
from qdsl.size.report import Report
from qdsl.spec import Variant
from qdsl.syntax import tree

Weight = tuple[int, int]  # bytes in the smallest choice of open formats, and in the largest


@dataclass(frozen=True, eq=False)
class Weights:
    """The bytes of a variant below each path, and the paths at which each block stands."""

    variant: Variant

    def of(self, block: tree.Block, member: str) -> Weight | None:
        """What a member weighs in all places of its block together; None without a place."""
        paths = self.places(block)
        if not paths:
            return None
        least, most = (
            sum(total.get(join(path, member), 0) for path in paths)
            for total in (self._least, self._most)
        )
        return least, most

    def total(self, path: str) -> int:
        """Bytes at and below a path; of open formats, in their largest choice."""
        return self._most.get(path, 0)

    def places(self, block: tree.Block) -> Sequence[str]:
        """Paths of the block in the model."""
        return self._places.get((block.name.text, block.name.span.source.name), ())

    def rows(self, paths: Iterable[str]) -> list[Row]:
        """The storages at or below the paths; of open formats, their largest choice."""
        wanted = tuple(paths)
        below = tuple(f"{path}{sign}" for path in wanted for sign in ".[")
        exact = frozenset(wanted)
        return [r for r in self._most_report.rows if r.path in exact or r.path.startswith(below)]

    @cached_property
    def _places(self) -> Mapping[tuple[str, str], Sequence[str]]:
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for path, module in self.variant.source.root.walk():
            if not module.is_layer:
                found[module.kind, module.span.source.name].append(path)
        return found

    @cached_property
    def _most_report(self) -> Report:
        return self.variant.interval().most

    @cached_property
    def _least(self) -> Mapping[str, int]:
        return _totals(self.variant.interval().least)

    @cached_property
    def _most(self) -> Mapping[str, int]:
        report = self._most_report
        return self._least if report is self.variant.interval().least else _totals(report)


def _totals(report: Report) -> Mapping[str, int]:
    """Bytes at and below every path; of a `repeat` those of all elements."""
    found: dict[str, int] = defaultdict(int)
    for row in report.rows:
        for i, sign in enumerate(row.path):
            if sign in ".[":
                found[row.path[:i]] += row.total_bytes
        found[row.path] += row.total_bytes
    return found
