"""Defines schedules: of the learning rate, of masks, of the calibration of static ranges."""

from collections.abc import Iterator
from dataclasses import dataclass

from qdsl.recipes.option import Option, at_least, below, share

FASTEST = 1e6
"""Learning rates are below it: far above all that train, far below what overflows f32."""

# ---- learning rate -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Warmed(Option):
    """Rises linearly to `peak` over `warmup` steps."""

    peak: float
    warmup: int = 0

    def faults(self) -> Iterator[str]:
        yield from at_least(0, peak=self.peak, warmup=self.warmup)
        yield from below(FASTEST, peak=self.peak)


@dataclass(frozen=True)
class Constant(Warmed):
    """Stays at `peak`."""


@dataclass(frozen=True)
class Linear(Warmed):
    """Falls linearly from `peak` to `final` at the last step."""

    final: float = 0.0

    def faults(self) -> Iterator[str]:
        yield from super().faults()
        yield from below(FASTEST, final=self.final)


@dataclass(frozen=True)
class Cosine(Warmed):
    """Falls from `peak` to `final` along half a cosine (SGDR, arXiv 1608.03983)."""

    final: float = 0.0

    def faults(self) -> Iterator[str]:
        yield from super().faults()
        yield from below(FASTEST, final=self.final)


@dataclass(frozen=True)
class InverseSqrt(Warmed):
    """peak · sqrt(warmup / step) after the warm-up (arXiv 1706.03762)."""

    warmup: int = 4000

    def faults(self) -> Iterator[str]:
        yield from super().faults()
        yield from at_least(1, warmup=self.warmup)


Rate = float | Constant | Linear | Cosine | InverseSqrt
"""A number alone is a constant rate."""

# ---- masks -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Masks(Option):
    """When the masks of a stage are chosen; `length` is how many of its steps that takes."""

    @property
    def length(self) -> int:
        return 1


@dataclass(frozen=True)
class EveryStep(_Masks):
    """The mask is chosen again at each step (SR-STE, arXiv 2102.04010)."""


@dataclass(frozen=True)
class OneShot(_Masks):
    """The mask is chosen once, after `at` steps of the stage, and kept; before, every weight is."""

    at: int = 0

    @property
    def length(self) -> int:
        return self.at + 1

    def faults(self) -> Iterator[str]:
        yield from at_least(0, at=self.at)


@dataclass(frozen=True)
class FewShot(_Masks):
    """The mask is chosen `shots` times from the first step on, `every` so many, then kept.

    So does USM-Lite (arXiv 2312.08553).
    """

    shots: int
    every: int

    @property
    def length(self) -> int:
        return self.shots * self.every

    def faults(self) -> Iterator[str]:
        yield from at_least(1, shots=self.shots, every=self.every)


@dataclass(frozen=True)
class _Rising(_Masks):
    """What is pruned rises over `steps` from nothing to all that the format prunes."""

    steps: int
    every: int = 100

    @property
    def length(self) -> int:
        return self.steps

    def faults(self) -> Iterator[str]:
        yield from at_least(1, steps=self.steps, every=self.every)


@dataclass(frozen=True)
class Gradual(_Rising):
    """Weights kept of a group fall one by one from M to N over `steps` steps, `every` so many.

    Of `sparse 90%` the share that is pruned rises evenly.
    """


@dataclass(frozen=True)
class Cubic(_Rising):
    """What is pruned rises as 1 - (1 - t)^3 over `steps`, `every` so many (arXiv 1710.01878).

    The format says how far: the share of `sparse 90%`, of a group M - N weights.
    """


Mask = EveryStep | OneShot | FewShot | Gradual | Cubic

# ---- calibration of static ranges --------------------------------------------------------------


@dataclass(frozen=True)
class Ema(Option):
    """Exponential moving average of the least and the largest value of each batch."""

    momentum: float = 0.99

    def faults(self) -> Iterator[str]:
        yield from share(momentum=self.momentum)


@dataclass(frozen=True)
class Percentile(Option):
    """The range that holds that share of the values seen."""

    share: float = 0.9999

    def faults(self) -> Iterator[str]:
        yield from share(share=self.share)


@dataclass(frozen=True)
class Mse(Option):
    """The range of least squared rounding error over the values seen."""


Calibration = Ema | Percentile | Mse
