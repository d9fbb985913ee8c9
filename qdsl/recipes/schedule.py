"""Defines schedules: of the learning rate, of masks, of the calibration of static ranges."""

from dataclasses import dataclass

from qdsl.recipes.option import Option, at_least, share

# ---- learning rate -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Warmed(Option):
    """Rises linearly to `peak` over `warmup` steps."""

    peak: float
    warmup: int = 0

    def __post_init__(self) -> None:
        at_least(0, peak=self.peak, warmup=self.warmup)


@dataclass(frozen=True)
class Constant(_Warmed):
    """Stays at `peak`."""


@dataclass(frozen=True)
class Linear(_Warmed):
    """Falls linearly from `peak` to `final` at the last step."""

    final: float = 0.0


@dataclass(frozen=True)
class Cosine(_Warmed):
    """Falls from `peak` to `final` along half a cosine (SGDR, arXiv 1608.03983)."""

    final: float = 0.0


@dataclass(frozen=True)
class InverseSqrt(_Warmed):
    """peak · sqrt(warmup / step) after the warm-up (arXiv 1706.03762)."""

    warmup: int = 4000

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(1, warmup=self.warmup)


Rate = float | Constant | Linear | Cosine | InverseSqrt
"""A number alone is a constant rate."""

# ---- masks -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class EveryStep(Option):
    """The mask is chosen again at each step (SR-STE, arXiv 2102.04010)."""


@dataclass(frozen=True)
class OneShot(Option):
    """The mask is chosen once, at step `at` of the stage, and kept."""

    at: int = 0

    def __post_init__(self) -> None:
        at_least(0, at=self.at)


@dataclass(frozen=True)
class FewShot(Option):
    """The mask is chosen `shots` times, `every` so many steps, then kept (USM-Lite)."""

    shots: int
    every: int

    def __post_init__(self) -> None:
        at_least(1, shots=self.shots, every=self.every)


@dataclass(frozen=True)
class Gradual(Option):
    """Weights kept of a group fall one by one from M to N over `steps` steps, `every` so many."""

    steps: int
    every: int = 100

    def __post_init__(self) -> None:
        at_least(1, steps=self.steps, every=self.every)


@dataclass(frozen=True)
class Cubic(Option):
    """Unstructured: sparsity rises to `final` as 1 - (1 - t)^3 over `steps` (arXiv 1710.01878)."""

    final: float
    steps: int

    def __post_init__(self) -> None:
        share(final=self.final)
        at_least(1, steps=self.steps)


Mask = EveryStep | OneShot | FewShot | Gradual | Cubic

# ---- calibration of static ranges --------------------------------------------------------------


@dataclass(frozen=True)
class Ema(Option):
    """Exponential moving average of the least and the largest value of each batch."""

    momentum: float = 0.99

    def __post_init__(self) -> None:
        share(momentum=self.momentum)


@dataclass(frozen=True)
class Percentile(Option):
    """The range that holds that share of the values seen."""

    share: float = 0.9999

    def __post_init__(self) -> None:
        share(share=self.share)


@dataclass(frozen=True)
class Mse(Option):
    """The range of least squared rounding error over the values seen."""


Calibration = Ema | Percentile | Mse
