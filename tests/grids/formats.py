"""Chooses the formats and cells of the grids: all combinations, and rows that cover all pairs."""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import cycle, product

from tests.grids.contracts import of_options, of_pattern
from tests.grids.covering import Row, all_pairs, covering
from tests.grids.kinds import Kind, kinds
from tests.grids.specs import Cell
from tests.grids.words import FAMILIES, PATTERNS, Written, activations, values

KINDS = kinds()
COMPANIONS = (
    ("asymmetric", ""),
    ("group", "4"),
    ("tail", "short"),
    ("clip", "search"),
    ("sparse", "sparse 2:4"),
)
"""What another option may need beside it."""

CELL = ("family", "sparse", "activations", "kind")
PLAIN = "int4"  # it takes most options


def written(row: Row, family: str) -> Written:
    """The format of a row whose factors are options and `sparse`."""
    options = {n: str(v) for n, v in row.items() if n not in CELL and v is not None}
    return Written(family, options, str(row["sparse"]))


@cache
def formats(family: str) -> tuple[Written, ...]:
    """Formats of a family that have every pair of its options and patterns that can be."""
    factors = {**values(FAMILIES[family]), "sparse": PATTERNS}

    def allowed(row: Row) -> bool:
        format = written(row, family)
        return not [*of_options(format), *of_pattern(format)]

    return tuple(written(row, family) for row in covering(factors, allowed, COMPANIONS))


def every_cell(family: str) -> Iterator[Cell]:
    """All activations, patterns and layers that the contracts allow; formats take turns."""
    turns = {pattern: _Turns(family, pattern) for pattern in PATTERNS}
    for pattern, rounded, kind in product(PATTERNS, activations(), KINDS):
        plain = Cell(Written(family, {}, pattern), rounded, kind)
        if plain.runs and (format := turns[pattern].next(plain)):
            yield replace(plain, format=format)


class _Turns:
    """Formats of a family with one pattern: each once, then those that are found fast in turn."""

    def __init__(self, family: str, pattern: str) -> None:
        own = [f for f in formats(family) if f.pattern == pattern]
        self._once = dict.fromkeys(map(str, own))
        self._by_name = {str(f): f for f in own}
        self._fast = [f for f in own if f.options.get("clip") not in ("search", "learned")]
        self._place = 0

    def next(self, cell: Cell) -> Written | None:
        """A format that the cell may have."""
        for name in self._once:
            if not replace(cell, format=self._by_name[name]).refusals:
                del self._once[name]
                return self._by_name[name]
        for _ in self._fast:
            self._place += 1
            format = self._fast[self._place % len(self._fast)]
            if not replace(cell, format=format).refusals:
                return format
        return None


def refused_cells(family: str) -> Iterator[Cell]:
    """All pairs of options and patterns that the contracts refuse, and of a layer with these."""
    factors = {**values(FAMILIES[family]), "sparse": PATTERNS}
    usual = {name: given[0] for name, given in factors.items()}
    kinds, rounded = cycle(KINDS), cycle(activations())
    pairs = (Cell(written(usual | dict(p), family), None, next(kinds)) for p in all_pairs(factors))
    plain = Written(family)
    layers = (Cell(plain, next(rounded), kind) for kind in KINDS for _ in range(3))
    yield from (cell for cell in (*pairs, *layers) if cell.refusals)


def cell_of(row: Row) -> Cell:
    """The cell of a row that has all factors."""
    rounded, kind = row["activations"], row["kind"]
    assert isinstance(kind, Kind)
    assert rounded is None or isinstance(rounded, Written)
    return Cell(written(row, str(row["family"])), rounded, kind)


@cache
def covering_cells() -> tuple[Cell, ...]:
    """Cells that have every pair of family, pattern, activations, layer and options."""
    companions = (*COMPANIONS, *_families_of_options())
    return tuple(cell_of(row) for row in covering(factors(), _allowed, companions))


def _families_of_options() -> Iterator[tuple[str, str]]:
    """For each option that the plain family does not take, one that does."""
    found = {o: name for name, family in FAMILIES.items() for o in values(family)}
    others = (name for o, name in found.items() if o not in values(FAMILIES[PLAIN]))
    yield from (("family", name) for name in dict.fromkeys(others))


@cache
def factors() -> dict[str, tuple[object, ...]]:
    """All that a cell is made of, the plain value of each first."""
    families = sorted(FAMILIES, key=lambda name: (name != PLAIN, name))
    options: dict[str, dict[object, None]] = {}
    for family in families:
        for name, given in values(FAMILIES[family]).items():
            options.setdefault(name, {}).update(dict.fromkeys(given))
    linear = sorted(KINDS, key=lambda kind: kind.name != "Linear")
    return {
        "family": tuple(families),
        "sparse": PATTERNS,
        "activations": activations(),
        "kind": tuple(linear),
        **{name: tuple(given) for name, given in options.items()},
    }


def _allowed(row: Row) -> bool:
    own = values(FAMILIES[str(row["family"])])
    given = {n: v for n, v in row.items() if n not in CELL and v is not None}
    if any(v not in own.get(n, ()) for n, v in given.items()):
        return False
    cell = cell_of(row)
    return not cell.refusals and cell.runs
