"""Keeps the state of one quantized weight: its mask, clip, and once frozen its codes."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any, Literal

import torch
from torch import Tensor, nn

from qdsl.fx.autocast import product_type
from qdsl.fx.masks import choose, is_whole
from qdsl.fx.numerics import (
    Quantized,
    State,
    dequantize,
    fake_quantize,
    find_codebook,
    initial_scale,
    noisy,
    quantize,
    search_clip,
)
from qdsl.fx.numerics.gradient import masked
from qdsl.fx.numerics.quantize import scale_shape
from qdsl.fx.observing import is_paused
from qdsl.fx.schedule import Schedule
from qdsl.fx.scores import score
from qdsl.fx.version import version
from qdsl.ir.format import FloatGrid, IntegerGrid, LearnedClip, SearchedClip, WeightFormat
from qdsl.ir.pattern import Dense
from qdsl.recipes.schedule import EveryStep

_WHOLE = Fraction(1)
QUANTIZER = ":q"  # what a quantizer's name adds to its parameter's

Rounding = Literal["round", "none", "uniform", "gaussian"]


class Quantizer(nn.Module):
    """Weight f32 of any shape → what its codes stand for, same shape.

    A step is a forward in training mode after the weight has changed. State is written at the steps
    of the schedule, by `update`, `freeze` and loading, and by nothing else. Once frozen, the codes,
    scales and zeros stand and the weight is no longer read. The scale of `clip = learned` is a
    parameter until then.

    `rounding` says what a forward does before that: `round`, or with `none` only mask, in training
    and in evaluation; or in training add `uniform` or `gaussian` noise of the size of the rounding
    errors instead, while evaluation rounds.

    What is `multiplied` is read by one product only, and comes in the type of that.

    Steps are counted on the host: `step` is brought up to date when a state is made or copied.
    """

    step: Tensor
    mask: Tensor | None
    inputs: Tensor | None
    clip: Tensor | None
    codebook: Tensor | None
    codes: Tensor | None
    scale: Tensor | None
    zero: Tensor | None
    packed: Tensor | None

    _FOUND = ("mask", "inputs", "clip", "codebook")
    _FROZEN = ("codes", "scale", "zero")

    def __init__(self, format: WeightFormat, matrix: tuple[int, int], schedule: Schedule) -> None:
        super().__init__()
        self.format, self.matrix, self.schedule = format, matrix, schedule
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        for name in (*self._FOUND, *self._FROZEN):
            self.register_buffer(name, None)
        self._trained_scale: tuple[nn.Parameter, ...] = ()  # the one kept while it is frozen
        if isinstance(format.clip, LearnedClip):
            self._train_scale(nn.Parameter(torch.zeros(scale_shape(matrix, format))))
        self.rounding: Rounding = "round"
        self.register_buffer("packed", None, persistent=False)
        self._seen: int | None = None
        self._number: int | None = None  # the step, once it was asked of its device
        self._cache: tuple[object, Tensor] | None = None

    def forward(self, weight: Tensor, multiplied: bool = False) -> Tensor:
        if self.training and not self.frozen and not is_paused():
            self._count(weight)
        if self.frozen:
            return self._evaluated(weight)
        if self.rounding == "none":
            return masked(weight.reshape(self.matrix), self.mask).view(weight.shape)
        if self.rounding != "round" and self.training:
            matrix = noisy(weight.reshape(self.matrix), self.format, self.state, self.rounding)
            return matrix.view(weight.shape)
        if torch.is_grad_enabled():
            type = product_type(weight, multiplied)
            matrix = fake_quantize(weight.reshape(self.matrix), self.format, self.state, type)
            return matrix.view(weight.shape)
        return self._evaluated(weight)

    @property
    def frozen(self) -> bool:
        return self.codes is not None

    @property
    def state(self) -> State:
        return State(self.mask, self.clip, self.scale, self.zero, self.codes, self.codebook)

    @torch.no_grad()
    def begin(self, schedule: Schedule, parts: int = 1) -> None:
        """Starts a stage: its steps are counted from 1, masks and clips follow the schedule.

        A stage whose first choice of a mask comes later begins with every weight kept. `parts` of
        the outputs have inputs of their own, where the schedule observes them.
        """
        self.schedule = schedule
        self.step.zero_()
        self._number = 0
        sparse, device = not isinstance(self.format.pattern, Dense), self.step.device
        if sparse and schedule.starts_dense and not self.frozen:
            self.mask = torch.ones(self.matrix, dtype=torch.bool, device=device)
        observed = sparse and schedule.observes
        shape = (parts, self.matrix[1])
        self.inputs = torch.zeros(shape, device=device) if observed else None

    def expect_step(self) -> None:
        """Makes the next forward in training a new step, also where no version tells of a change.

        Weights that FSDP gathers are written behind the back of their version.
        """
        self._seen = None
        if not self.frozen:
            self._cache = None

    @torch.no_grad()
    def update(self, weight: Tensor) -> None:
        """Computes mask and clip from the weight, whatever the schedule says."""
        self._update_mask(weight)
        self._update_clip(weight)

    @torch.no_grad()
    def follow(self, weight: Tensor) -> None:
        """Takes in a weight that was changed outside of a step: its clip, and a mask of every step.

        A mask that was chosen at some step stands: the weight was trained in it.
        """
        if self.frozen:
            return
        if self.schedule.mask == EveryStep():
            self._update_mask(weight)
        self._update_clip(weight)

    @torch.no_grad()
    def start_scale(self, weight: Tensor) -> None:
        """Puts a learned scale, unless it is frozen, where learning starts."""
        if (scale := self._parameters.get("scale")) is not None:
            scale.copy_(initial_scale(weight.reshape(self.matrix), self.format, self.mask))

    @torch.no_grad()
    def freeze(self, weight: Tensor) -> None:
        """Fixes codes, scales and zeros; a frozen quantizer stays as it is."""
        if self.frozen:
            return
        if self.mask is not None and not is_whole(self.mask, self.format.pattern):
            self._update_mask(weight)
        self.fix(quantize(weight.reshape(self.matrix), self.format, self.state))

    @torch.no_grad()
    def fix(self, found: Quantized) -> None:
        """Freezes codes that were found otherwise, scales and zeros with them."""
        self._hold_scale(found.scale.clone())
        self.codes = found.codes.to(self._code_dtype())
        self.zero = None if found.zero is None else found.zero.clone()
        self.codebook = None if found.codebook is None else found.codebook.clone()
        self._cache = None

    def unfreeze(self) -> None:
        """Lets the codes follow the weight again."""
        scale = self.scale
        self.codes = self.zero = self.packed = None
        self._hold_scale(None)
        if isinstance(self.format.clip, LearnedClip) and scale is not None:
            (trained,) = self._trained_scale or (nn.Parameter(scale.detach().clone()),)
            trained.data = trained.data.to(scale.device)
            self._train_scale(trained)
        self._cache = None

    def _hold_scale(self, scale: Tensor | None) -> None:
        """A frozen scale in the place of a trained one, which is kept for `unfreeze`."""
        trained = self._parameters.pop("scale", None)
        if trained is not None:
            self._trained_scale = (trained,)
        self._buffers["scale"] = scale

    def _train_scale(self, scale: nn.Parameter) -> None:
        del self._buffers["scale"]
        self.register_parameter("scale", scale)
        self._trained_scale = ()

    def _count(self, weight: Tensor) -> None:
        if version(weight) != self._seen:
            self._seen = version(weight)
            self._advance(weight)

    def _advance(self, weight: Tensor) -> None:
        # a device that is asked or told at every step waits, or is waited for, at every weight
        self._number = 1 + (int(self.step) if self._number is None else self._number)
        with torch.no_grad():
            if (progress := self.schedule.progress(self._number)) is not None:
                self._update_mask(weight, progress)
            if self.schedule.clip_due(self._number):
                self._update_clip(weight)

    def _update_mask(self, weight: Tensor, progress: Fraction = _WHOLE) -> None:
        if not isinstance(self.format.pattern, Dense):
            ranked = score(weight.reshape(self.matrix), self.inputs)
            self.mask = choose(ranked, self.format.pattern, progress)

    def _update_clip(self, weight: Tensor) -> None:
        """The searched clip; a codebook; and once, where a learned scale starts."""
        matrix = weight.reshape(self.matrix)
        if isinstance(self.format.clip, SearchedClip):
            self.clip = search_clip(matrix, self.format, self.mask)
        trained = self._parameters.get("scale")
        if trained is not None and not trained.any():
            self.start_scale(weight)
        self.codebook = find_codebook(matrix, self.format, self.mask)

    def _evaluated(self, weight: Tensor) -> Tensor:
        """Without gradient a result stands until the weight or the state changes."""
        scale = None if self.scale is None else (id(self.scale), version(self.scale))
        states = (*(id(x) for x in (self.mask, self.clip, self.codebook, self.codes)), scale)
        key = (weight.data_ptr(), version(weight), *states, torch.is_inference_mode_enabled())
        if self._cache is None or self._cache[0] != key:
            with torch.no_grad():
                matrix = fake_quantize(weight.reshape(self.matrix), self.format, self.state)
            self._cache = key, matrix.view(weight.shape)
        return self._cache[1]

    def _code_dtype(self) -> torch.dtype:
        grid = self.format.grid
        if isinstance(grid, FloatGrid):
            return torch.float32
        unsigned = isinstance(grid, IntegerGrid) and not grid.signed
        return torch.uint8 if unsigned else torch.int8

    def quantized(self) -> Quantized:
        """The frozen codes; raises ValueError before `freeze`."""
        if self.codes is None or self.scale is None:
            raise ValueError("codes are read before they are frozen")
        return Quantized(self.codes.to(torch.float32), self.scale, self.zero, self.codebook)

    def dequantized(self) -> Tensor:
        """The frozen matrix f32 [N, K]."""
        return dequantize(self.quantized(), self.format, self.mask)

    def extra_repr(self) -> str:
        return str(self.format)

    def _write_step(self) -> None:
        """Puts the step, counted here, where it is kept."""
        if self._number is not None:
            self.step.fill_(self._number)

    def _save_to_state_dict(self, *arguments: Any) -> None:
        self._write_step()
        super()._save_to_state_dict(*arguments)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *arguments: Any
    ) -> None:
        if prefix + "step" not in state_dict:
            self._write_step()  # it goes on from here
        # which fields there are depends on what was saved, not on what this quantizer has
        if self.frozen and prefix + "codes" not in state_dict:
            self.unfreeze()
        elif not self.frozen and prefix + "codes" in state_dict:
            self._hold_scale(None)
        self._trained_scale = ()
        for name in (*self._FOUND, *self._FROZEN):
            saved, own = state_dict.get(prefix + name), getattr(self, name)
            if name in self._parameters:
                continue
            if saved is None:
                if name in self._FROZEN:
                    setattr(self, name, None)
            elif own is None or own.shape != saved.shape or own.dtype != saved.dtype:
                setattr(self, name, torch.empty_like(saved, device=self.step.device))
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        self._cache, self._seen, self._number = None, None, None

    def __getstate__(self) -> dict[str, Any]:
        self._write_step()
        return {**self.__dict__, "_cache": None, "_seen": None, "_number": None}
