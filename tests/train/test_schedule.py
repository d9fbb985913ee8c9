"""Pins the shape of the learning rate."""

import pytest

from qdsl.train.schedule import FINAL_SHARE, Schedule


def test_warm_up_is_linear_and_ends_at_the_peak() -> None:
    schedule = Schedule(steps=100, peak=1e-3, warmup=10)
    assert [schedule.rate(n) for n in (0, 4, 9)] == pytest.approx([1e-4, 5e-4, 1e-3])
    assert schedule.rate(10) == pytest.approx(1e-3)


def test_the_cosine_passes_the_middle_and_ends_at_its_share() -> None:
    schedule = Schedule(steps=110, peak=1.0, warmup=10)
    assert schedule.rate(60) == pytest.approx((1 + FINAL_SHARE) / 2)
    assert schedule.rate(110) == pytest.approx(FINAL_SHARE)
    rates = [schedule.rate(n) for n in range(10, 110)]
    assert rates == sorted(rates, reverse=True)


def test_a_stage_without_warm_up_starts_at_the_peak() -> None:
    assert Schedule(steps=5, peak=0.5, warmup=0).rate(0) == pytest.approx(0.5)
