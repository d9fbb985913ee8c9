"""Observes the values of each static range, and rounds them in it."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from qdsl.diagnostic.model import Diagnostic, QdslError, error
from qdsl.fx import agreed, histogram
from qdsl.fx.autocast import product_type
from qdsl.fx.histogram import Histogram
from qdsl.fx.numerics import static
from qdsl.fx.observing import is_paused
from qdsl.fx.trainers import trainer_of
from qdsl.ir.format import LearnedClip
from qdsl.ir.ranges import Range
from qdsl.recipes.schedule import Calibration, Ema, Mse, Percentile

_FIELDS = ("range_min", "range_max", "histogram", "limit", "fixed", "scale", "zero")


class Observer(nn.Module):
    """x f32 of any shape → x rounded in a range that all calls share.

    In training mode, until it is frozen, a call first shows x to the calibration: all of its
    values, padding too. Before the first observation values pass unrounded in training mode, in
    evaluation mode they raise QdslError (Q717). Under torch.distributed every process sees the
    values of all. Frozen, `scale` and `zero` f32 [1] stand, and nothing else is read.
    """

    range_min: Tensor | None
    range_max: Tensor | None
    histogram: Tensor | None
    limit: Tensor | None
    fixed: Tensor | None
    scale: Tensor | None
    zero: Tensor | None
    place: Tensor

    def __init__(self, range: Range, calibration: Calibration | None = None) -> None:
        super().__init__()
        self.range, self.format = range, range.format
        self.calibration: Calibration = calibration or Ema()
        for name in _FIELDS[:5]:
            self.register_buffer(name, None)
        if self.learned:
            self.register_parameter("scale", nn.Parameter(torch.ones(1)))
            self.register_buffer("zero", None)
        else:
            self.register_buffer("scale", None)
            self.register_buffer("zero", None)
        # says on which device the fields are that come from a state dict
        self.register_buffer("place", torch.empty(0), persistent=False)
        self._stale = False  # whether the histogram has values that the range does not know of

    def forward(self, x: Tensor, multiplied: bool = False) -> Tensor:
        if self.observing:
            self.observe(x)
        return self.rounder(product_type(x, multiplied))(x)

    def round(self, x: Tensor) -> Tensor:
        """x rounded in the range as it is; nothing is observed."""
        return self.rounder()(x)

    def rounder(self, type: torch.dtype | None = None) -> Callable[[Tensor], Tensor]:
        """`round` for many calls: scale and zero are computed once. `type` is that of results."""
        if not self.observed:
            if self.training:
                return _unrounded
            raise QdslError([self.unobserved()])
        fixed: dict[str, Any] = {"code_range": self.code_range, "type": type}
        if self.learned:
            assert self.scale is not None
            return partial(static.learned, scale=self.scale.abs(), **fixed)
        scale, zero = self.scale_and_zero()
        return partial(static.fake_quantize, scale=scale, zero=zero, **fixed)

    # ---- what is known -------------------------------------------------------------------------

    @property
    def learned(self) -> bool:
        """Whether the scale is a parameter."""
        return isinstance(self.format.clip, LearnedClip)

    @property
    def frozen(self) -> bool:
        return self.fixed is not None if self.learned else self.scale is not None

    @property
    def observed(self) -> bool:
        """Whether there is a range, observed or frozen."""
        return self.range_max is not None or self.histogram is not None or self._has_scale

    @property
    def observing(self) -> bool:
        return self.training and not self.frozen and not is_paused()

    @property
    def code_range(self) -> tuple[int, int]:
        """(qmin, qmax)."""
        return self.format.grid.qmin, self.format.grid.qmax

    @torch.no_grad()
    def scale_and_zero(self) -> tuple[Tensor, Tensor | None]:
        """Scale and zero f32 [1] of the range as it is. Raises QdslError (Q717) without values."""
        if self._has_scale:
            assert self.scale is not None
            return self.scale.abs(), self.zero
        self._derive()
        if self.range_min is None or self.range_max is None:
            raise QdslError([self.unobserved()])
        low, high = self.range_min, self.range_max
        if not self.learned:
            kernels = trainer_of(low)
            found = kernels and kernels.scale_and_zero(low, high, self.format)
            scale, zero = found or static.scale_and_zero(low, high, self.format)
            return scale.view(1), None if zero is None else zero.view(1)
        assert self.scale is not None
        return self.scale.detach().abs(), None

    @property
    def _has_scale(self) -> bool:
        return not self.learned and self.scale is not None

    # ---- calibration ---------------------------------------------------------------------------

    def begin(self, calibration: Calibration | None) -> None:
        """Starts to observe: an average goes on from the range as it is, a histogram is new.

        None freezes; raises QdslError (Q717) where nothing was observed.
        """
        if calibration is None:
            self.freeze()
            return
        self.unfreeze()
        self.calibration = calibration
        self.histogram = self.limit = None

    def reset(self) -> None:
        """Forgets what was observed, and a frozen range."""
        self.unfreeze()
        self.range_min = self.range_max = self.histogram = self.limit = None

    @torch.no_grad()
    def freeze(self) -> None:
        """Fixes scale and zero; a frozen range stays. Raises QdslError (Q717)."""
        if self.frozen:
            return
        if not self.observed:
            raise QdslError([self.unobserved()])
        scale, zero = self.scale_and_zero()
        if self.learned:
            assert self.scale is not None
            self.scale.copy_(scale)
            self._fix(torch.ones((), dtype=torch.bool, device=self.scale.device))
        else:
            self.scale, self.zero = scale.clone(), None if zero is None else zero.clone()
        self.histogram = self.limit = None

    def unfreeze(self) -> None:
        """Lets the range follow what is observed again."""
        if self.learned:
            self._fix(None)
        else:
            self.scale = self.zero = None

    def _fix(self, fixed: Tensor | None) -> None:
        """Whether a learned scale is trained; `fixed` keeps it in the state."""
        assert self.scale is not None
        self.fixed = fixed
        self.scale.requires_grad_(fixed is None)

    @torch.no_grad()
    def observe(self, x: Tensor) -> None:
        """Takes the values of x into the range; those that are not finite count as 0."""
        if x.numel() == 0 and not agreed.several():
            return
        match self.calibration:
            case Percentile() | Mse() if not self.learned:
                self._count(x.detach().float())
            case _:
                self._average(x.detach())

    def _average(self, x: Tensor) -> None:
        if self.learned and self.range_max is not None:
            return  # only where learning begins is it observed
        momentum = self.calibration.momentum if isinstance(self.calibration, Ema) else 0.99
        if self.range_min is not None and self.range_max is not None and not agreed.several():
            kernels = trainer_of(x)
            if kernels and kernels.observe(x, self.range_min, self.range_max, momentum):
                return
        low, high = agreed.extremes(x)
        if self.range_min is None or self.range_max is None:
            self.range_min, self.range_max = low, high
            if self.learned:
                self._begin_learning(x, high)
        else:
            for own, new in ((self.range_min, low), (self.range_max, high)):
                own.mul_(momentum).add_(new * (1 - momentum))

    def _begin_learning(self, x: Tensor, high: Tensor) -> None:
        """LSQ begins with s = 2·mean|x| / sqrt(qmax), PACT with the largest value."""
        assert self.scale is not None
        _, qmax = self.code_range
        if self.format.grid.signed:
            begin = agreed.mean(x.float().abs().mean()) * 2 / qmax**0.5
        else:
            begin = high / qmax
        self.scale.copy_(torch.where(begin > 0, begin, 1.0).view(1))

    def _count(self, x: Tensor) -> None:
        if self.histogram is None or self.limit is None:
            before = histogram.empty(x)
        else:
            before = Histogram(self.histogram, self.limit)
        found = agreed.counted(before, x)
        self.histogram, self.limit = found.counts, found.limit
        self._stale = True

    def _derive(self) -> None:
        """Finds the range in the histogram."""
        if not self._stale or self.histogram is None or self.limit is None:
            return
        if not bool(self.histogram.any()):
            return
        seen = Histogram(self.histogram, self.limit)
        if isinstance(self.calibration, Percentile):
            found = histogram.percentile(seen, self.calibration.share, self.format)
        else:
            found = histogram.least_squares(seen, self.format)
        (self.range_min, self.range_max), self._stale = found, False

    def unobserved(self) -> Diagnostic:
        """Says that the range has seen no values."""
        name = f"`{self.range.path}`, {self.range.name}"
        return error(
            "Q717",
            f"the static range of {name} has seen no values",
            help="calibrate first: `qdsl compile --method calibrate --inputs FILE`,"
            " `program.calibrate(inputs, calibration)`, or a stage of the recipe with `calibrate`",
        )

    # ---- state ---------------------------------------------------------------------------------

    def extra_repr(self) -> str:
        return f"{self.range.path} {self.range.name}: {self.format}"

    @torch.no_grad()
    def _save_to_state_dict(self, *arguments: Any) -> None:
        self._derive()  # by the calibration, which a state does not tell
        super()._save_to_state_dict(*arguments)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *arguments: Any
    ) -> None:
        was_frozen = self.frozen
        # which fields there are depends on what was saved
        for name in _FIELDS:
            if name in self._buffers:
                saved, own = state_dict.get(prefix + name), getattr(self, name)
                if saved is None:
                    setattr(self, name, None)
                elif own is None or own.shape != saved.shape:
                    setattr(self, name, torch.empty_like(saved, device=self.place.device))
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        if self.learned and was_frozen != self.frozen:
            self._fix(self.fixed)
        self._stale = self.range_max is None and self.histogram is not None


def watched(x: Tensor, observer: Observer) -> Tensor:
    """x as it is; it is observed where the observer does."""
    if observer.observing:
        observer.observe(x)
    return x


def _unrounded(x: Tensor) -> Tensor:
    return x


class FixedRange(nn.Module):
    """Scale f32 [1] and zero f32 [1] of a range in a packed program."""

    scale: Tensor
    zero: Tensor | None

    def __init__(self, scale: Tensor, zero: Tensor | None) -> None:
        super().__init__()
        self.register_buffer("scale", scale)
        self.register_buffer("zero", zero)
