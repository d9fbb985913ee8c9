"""The rows that are chosen contain every pair that can be, and are few."""

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.grids.covering import Row, all_pairs, covering, pairs_of

COUNTS = {"a": 5, "b": 4, "c": 3, "d": 3, "e": 2, "f": 2}
FACTORS = {name: tuple(range(count)) for name, count in COUNTS.items()}


def everything(row: Row) -> bool:
    return True


def no_twins(row: Row) -> bool:
    """Two values that never meet, and one that needs another."""
    return (row["a"], row["b"]) != (1, 1) and (row["c"] != 2 or row["d"] == 1)


@pytest.mark.parametrize("allowed", [everything, no_twins])
def test_all_pairs_that_can_be_are_covered(allowed: Callable[[Row], bool]) -> None:
    rows = covering(FACTORS, allowed)
    assert all(map(allowed, rows))
    covered = {pair for row in rows for pair in pairs_of(row, tuple(FACTORS))}
    whole = (dict(zip(FACTORS, values, strict=True)) for values in product(*FACTORS.values()))
    possible = {pair for row in whole if allowed(row) for pair in pairs_of(row, tuple(FACTORS))}
    assert covered == possible


def test_rows_are_few() -> None:
    """No fewer than the two largest factors have pairs, and not many more."""
    assert 5 * 4 <= len(covering(FACTORS, everything)) <= 30


def test_the_same_rows_each_time() -> None:
    assert covering(FACTORS, no_twins) == covering(FACTORS, no_twins)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4), min_size=2, max_size=5))
def test_without_refusals_every_pair_is_covered(counts: list[int]) -> None:
    factors = {f"f{i}": tuple(range(count)) for i, count in enumerate(counts)}
    rows = covering(factors, everything)
    covered = {pair for row in rows for pair in pairs_of(row, tuple(factors))}
    assert covered == set(all_pairs(factors))
