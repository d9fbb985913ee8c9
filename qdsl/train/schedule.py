"""Sets the learning rate of each step: a linear warm-up, then half a cosine."""

from dataclasses import dataclass
from math import cos, pi

FINAL_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Schedule:
    """`peak` is reached after `warmup` steps; a hundredth of it is left at the last of `steps`."""

    steps: int
    peak: float
    warmup: int

    def rate(self, step: int) -> float:
        """Learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.peak * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.peak * (FINAL_SHARE + (1 - FINAL_SHARE) * (1 + cos(pi * done)) / 2)
