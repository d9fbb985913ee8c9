"""Sets the learning rate of each step."""

from math import cos, pi, sqrt
from typing import assert_never

from qdsl.recipes.schedule import Constant, Cosine, InverseSqrt, Linear, Rate


def rate_at(rate: Rate, step: int, steps: int) -> float:
    """Learning rate of a step, counted from 0, of a stage of `steps`.

    A warm-up of n steps reaches the peak at the n-th; `linear` and `cosine` reach `final` at the
    last step of the stage.
    """
    if isinstance(rate, int | float):
        return float(rate)
    if step < rate.warmup:
        return rate.peak * (step + 1) / rate.warmup
    done = (step - rate.warmup) / max(1, steps - 1 - rate.warmup)
    match rate:
        case Constant():
            return rate.peak
        case Linear():
            return rate.peak + (rate.final - rate.peak) * done
        case Cosine():
            return rate.final + (rate.peak - rate.final) * (1 + cos(pi * done)) / 2
        case InverseSqrt():
            return rate.peak * sqrt(rate.warmup / (step + 1))
        case _:
            assert_never(rate)
