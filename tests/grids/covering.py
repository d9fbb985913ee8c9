"""Chooses rows that contain every pair of values that any allowed row contains."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, product

Value = object
Row = dict[str, Value]
Pair = tuple[tuple[str, Value], tuple[str, Value]]
Allowed = Callable[[Row], bool]


def pairs_of(row: Mapping[str, Value], factors: Sequence[str]) -> Iterator[Pair]:
    """Each two factors with their values in the row, in the order of the factors."""
    for a, b in combinations(factors, 2):
        yield (a, row[a]), (b, row[b])


def all_pairs(factors: Mapping[str, Sequence[Value]]) -> list[Pair]:
    return [
        ((a, x), (b, y))
        for a, b in combinations(factors, 2)
        for x, y in product(factors[a], factors[b])
    ]


def covering(
    factors: Mapping[str, Sequence[Value]],
    allowed: Allowed,
    companions: Sequence[tuple[str, Value]] | None = None,
) -> list[Row]:
    """Rows such that each pair of values of any allowed row is in one; greedy and deterministic.

    The first value of a factor is the plain one. A pair is given up where no row is allowed that
    has it, up to three companions, and plain values else; by default every value is a companion.
    """
    names, rows = tuple(factors), list[Row]()
    if companions is None:
        companions = [(n, v) for n, values in factors.items() for v in values[1:]]
    companions = [(n, v) for n, v in companions if v in factors.get(n, ())]
    left = dict.fromkeys(all_pairs(factors))
    while left:
        pair = next(iter(left))
        row = completion(pair, factors, allowed, companions)
        if row is None:
            del left[pair]
            continue
        row = _filled(row, dict(pair), factors, allowed, left)
        for found in pairs_of(row, names):
            left.pop(found, None)
        rows.append(row)
    return rows


def completion(
    pair: Pair,
    factors: Mapping[str, Sequence[Value]],
    allowed: Allowed,
    companions: Sequence[tuple[str, Value]],
) -> Row | None:
    """An allowed row with the pair and as few companions as do; None where three do not."""
    row = {name: values[0] for name, values in factors.items()} | dict(pair)
    others = [(n, v) for n, v in companions if n not in dict(pair)]
    for count in range(4):
        for more in combinations(others, count):
            if len({n for n, _ in more}) == count and allowed(row | dict(more)):
                return row | dict(more)
    return None


def _filled(
    row: Row,
    fixed: Mapping[str, Value],
    factors: Mapping[str, Sequence[Value]],
    allowed: Allowed,
    left: Mapping[Pair, None],
) -> Row:
    """The row with each factor that is not fixed set to the value that covers most pairs."""
    names = tuple(factors)
    for name in names:
        if name in fixed:
            continue
        options = [row | {name: value} for value in factors[name]]
        row = max(
            (o for o in options if o == row or allowed(o)),
            key=lambda o: sum(p in left for p in _pairs_with(o, name, names)),
        )
    return row


def _pairs_with(row: Row, name: str, names: Sequence[str]) -> Iterator[Pair]:
    """Pairs of one factor with each other one, in the order of the factors."""
    own, place = (name, row[name]), names.index(name)
    for i, other in enumerate(names):
        if i != place:
            pair = (other, row[other])
            yield (pair, own) if i < place else (own, pair)
