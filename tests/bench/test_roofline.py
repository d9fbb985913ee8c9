"""Holds fractions of limits to their arithmetic."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.bench.roofline import Bound, Limits, Work, best, bound, fractions, least_seconds, measure
from qdsl.bench.sample import paired, sample
from qdsl.target import Measured, Peak

INT8, WIDE, F32 = Peak("int8", "narrow"), Peak("int8", "wide"), Peak("f32", "wide")
LIMITS = Limits({1000: 100.0, 50_000: 20.0, 1_000_000: 10.0}, {INT8: 1e3, WIDE: 4e3, F32: 5e2}, 0.1)


def work(bytes=1000, operations=1000, working_set=10**9, operands="int8"):
    return Work((1, 1, 1), bytes, operations, working_set, operands)


@pytest.mark.parametrize(
    ("case", "seconds", "what"),
    [
        (work(), 100.0, Bound.BANDWIDTH),
        (work(working_set=1_000_000), 100.0, Bound.BANDWIDTH),
        (work(working_set=50_001), 100.0, Bound.BANDWIDTH),
        (work(working_set=50_000), 50.0, Bound.BANDWIDTH),
        (work(working_set=1), 10.0, Bound.BANDWIDTH),
        (work(operations=4_000_000), 1000.0, Bound.PRODUCTS),
        (work(operations=4_000_000, operands="f32"), 8000.0, Bound.PRODUCTS),
        # nothing multiplies bf16 here
        (work(operations=4_000_000, operands="bf16"), 8000.0, Bound.PRODUCTS),
        (work(operations=400_000), 100.0, Bound.BANDWIDTH),
        (work(operations=0), 100.0, Bound.BANDWIDTH),
    ],
)
def test_the_least_time(case, seconds, what):
    assert least_seconds(case, LIMITS) == seconds
    assert bound(case, LIMITS) is what


def test_fractions_are_taken_within_a_round():
    """A machine that is half as fast for a while is so in both."""
    slow = Limits({k: v / 2 for k, v in LIMITS.bandwidths.items()}, LIMITS.peaks, 0.1)
    found = fractions(work(), (LIMITS, slow), sample([125.0, 250.0]))
    assert found.values == (0.8, 0.8)
    with pytest.raises(ValueError, match="longer"):
        fractions(work(), (LIMITS,), sample([125.0, 250.0]))


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
@settings(max_examples=30)
def test_quartiles_enclose_the_median(values):
    low, high = sample(values).quartiles
    assert min(values) <= low <= sample(values).median <= high <= max(values)
    ones = paired(sample(values), sample(values))
    assert all(math.isclose(value, 1.0) for value in ones.values)


def test_no_rounds():
    with pytest.raises(ValueError, match="no rounds"):
        sample([])


def test_what_the_machine_could_do_at_most():
    other = Limits(
        {1000: 90.0, 50_000: 25.0, 1_000_000: 10.0}, {INT8: 2e3, WIDE: 1.0, F32: 0.5}, 0.05
    )
    found = best(LIMITS, other)
    assert found.bandwidths == {1000: 100.0, 50_000: 25.0, 1_000_000: 10.0}
    assert found.peaks == {INT8: 2e3, WIDE: 4e3, F32: 5e2}
    assert found.fork_join == 0.05


class Machine:
    """Tells what it was asked to measure."""

    def peaks(self):
        return INT8, F32

    def rate(self, peak, threads):
        return {INT8: 8.0, F32: 4.0}[peak] * threads

    def bandwidth(self, bytes, threads):
        return 1e6 / bytes * threads

    def memory_bytes(self):
        return 5000

    def fork_join(self, threads):
        return 1e-6


def test_one_round_of_limits():
    assert isinstance(Machine(), Measured)
    found = measure(Machine(), 2, frozenset({0, 100, 4999, 5000, 10**12}))
    assert found.bandwidths == {100: 2e4, 4999: 2e6 / 4999, 5000: 400.0}
    assert found.peaks == {INT8: 16.0, F32: 8.0}
    assert found.bandwidth(10**12) == 400.0
