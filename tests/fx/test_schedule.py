"""Holds schedules of masks to the steps at which they choose, and to how much is pruned."""

from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qdsl.fx.schedule import Schedule
from qdsl.recipes.schedule import Cubic, EveryStep, FewShot, Gradual, OneShot


def chosen(mask, steps, **options):
    """Progress by step, where a mask is chosen."""
    schedule = Schedule(mask, **options)
    found = {step: schedule.progress(step) for step in range(1, steps + 1)}
    return {step: float(progress) for step, progress in found.items() if progress is not None}


@pytest.mark.parametrize(
    ("mask", "steps"),
    [
        (None, []),
        (EveryStep(), [1, 2, 3, 4, 5, 6, 7, 8]),
        (OneShot(), [1]),
        (OneShot(at=4), [5]),
        (FewShot(shots=3, every=2), [1, 3, 5]),
    ],
)
def test_whole_masks(mask, steps):
    assert chosen(mask, 8) == dict.fromkeys(steps, 1.0)
    assert chosen(mask, 8, until=4) == dict.fromkeys([s for s in steps if s <= 4], 1.0)


def test_masks_that_rise():
    assert chosen(Gradual(steps=10, every=4), 20) == {4: 0.4, 8: 0.8, 10: 1.0}
    assert chosen(Cubic(steps=4, every=2), 20) == {2: 1 - 0.5**3, 4: 1.0}
    assert chosen(Cubic(steps=3), 20) == {3: 1.0}


@given(steps=st.integers(1, 300), every=st.integers(1, 50), kind=st.sampled_from((Gradual, Cubic)))
def test_a_rise_never_falls_and_ends_within_its_length(steps, every, kind):
    mask = kind(steps=steps, every=every)
    schedule = Schedule(mask)
    found = [schedule.progress(step) for step in range(1, mask.length + 1)]
    values = [p for p in found if p is not None]
    assert all(a <= b for a, b in pairwise(values))
    assert found[-1] == Fraction(1)
    assert schedule.progress(mask.length + 1) is None


def test_what_begins_dense():
    later = (OneShot(at=1), Gradual(steps=5), Cubic(steps=5))
    assert all(Schedule(mask).starts_dense for mask in later)
    at_once = (None, EveryStep(), OneShot(), FewShot(shots=2, every=3))
    assert not any(Schedule(mask).starts_dense for mask in at_once)
    assert not any(Schedule(mask, until=0).starts_dense for mask in later)


def test_clips_have_steps_of_their_own():
    schedule = Schedule(None, clip_every=3, until=7)
    assert [s for s in range(1, 12) if schedule.clip_due(s)] == [3, 6]


def test_inputs_are_observed_only_for_masks_to_come():
    assert Schedule(score="activation").observes
    assert not Schedule().observes
    assert not Schedule(None, score="activation").observes
    assert not Schedule(score="activation", until=0).observes
