"""Holds learning rates to their definitions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.recipes.schedule import Constant, Cosine, InverseSqrt, Linear, Rate
from qdsl.train.rate import rate_at


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (0.5, [0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]),
        (Constant(1.0, warmup=2), [0.5, 1, 1, 1, 1, 1, 1]),
        (Linear(1.0, warmup=2, final=0.2), [0.5, 1, 1, 0.8, 0.6, 0.4, 0.2]),
        (Cosine(1.0, warmup=2), [0.5, 1, 1, 0.853553, 0.5, 0.146447, 0]),
        (InverseSqrt(1.0, warmup=4), [0.25, 0.5, 0.75, 1, 0.894427, 0.816497, 0.755929]),
    ],
)
def test_rates(rate: Rate, expected: list[float]) -> None:
    assert [rate_at(rate, step, 7) for step in range(7)] == pytest.approx(expected, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from([Constant, Linear, Cosine, InverseSqrt]),
    warmup=st.integers(1, 30),
    more=st.integers(1, 30),
)
def test_a_rate_rises_to_its_peak_and_never_again(
    kind: type[Constant | Linear | Cosine | InverseSqrt], warmup: int, more: int
) -> None:
    steps = warmup + more
    rates = [rate_at(kind(2.0, warmup=warmup), step, steps) for step in range(steps)]
    assert max(rates) == pytest.approx(2.0)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] >= 0
