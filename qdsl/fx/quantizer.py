"""Keeps the state of one quantized weight: its mask, clip, and once frozen its codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from qdsl.fx.masks import nm_mask
from qdsl.fx.numerics import (
    Quantized,
    State,
    dequantize,
    fake_quantize,
    quantize,
    search_clip,
)
from qdsl.fx.version import version
from qdsl.ir.format import FloatGrid, IntegerGrid, SearchedClip, WeightFormat
from qdsl.ir.pattern import NM

QUANTIZER = ":q"  # what a quantizer's name adds to its parameter's


@dataclass(frozen=True, slots=True)
class Schedule:
    """At which steps, counted from 1, masks and clips are computed anew; never after `until`."""

    mask_every: int = 1
    clip_every: int = 50
    until: int | None = None

    def due(self, step: int, every: int) -> bool:
        return step % every == 0 and (self.until is None or step <= self.until)


class Quantizer(nn.Module):
    """Weight f32 of any shape → what its codes stand for, same shape.

    A step is a forward in training mode after the weight has changed. State is written at the steps
    of the schedule, by `update`, `freeze` and loading, and by nothing else. Once frozen, the codes,
    scales and zeros stand and the weight is no longer read.
    """

    step: Tensor
    mask: Tensor | None
    clip: Tensor | None
    codes: Tensor | None
    scale: Tensor | None
    zero: Tensor | None
    packed: Tensor | None

    _FROZEN = ("codes", "scale", "zero")

    def __init__(self, format: WeightFormat, matrix: tuple[int, int], schedule: Schedule) -> None:
        super().__init__()
        self.format, self.matrix, self.schedule = format, matrix, schedule
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        for name in ("mask", "clip", *self._FROZEN):
            self.register_buffer(name, None)
        self.register_buffer("packed", None, persistent=False)
        self._seen: int | None = None
        self._cache: tuple[object, Tensor] | None = None

    def forward(self, weight: Tensor) -> Tensor:
        if self.training and not self.frozen and version(weight) != self._seen:
            self._seen = version(weight)
            self._advance(weight)
        if torch.is_grad_enabled() and not self.frozen:
            matrix = fake_quantize(weight.reshape(self.matrix), self.format, self.state)
            return matrix.view(weight.shape)
        return self._evaluated(weight)

    @property
    def frozen(self) -> bool:
        return self.codes is not None

    @property
    def state(self) -> State:
        return State(self.mask, self.clip, self.scale, self.zero, self.codes)

    @torch.no_grad()
    def update(self, weight: Tensor) -> None:
        """Computes mask and clip from the weight, whatever the schedule says."""
        self._update_mask(weight)
        self._update_clip(weight)

    @torch.no_grad()
    def freeze(self, weight: Tensor) -> None:
        """Fixes codes, scales and zeros; a frozen quantizer stays as it is."""
        if self.frozen:
            return
        found = quantize(weight.reshape(self.matrix), self.format, self.state)
        self.codes = found.codes.to(self._code_dtype())
        self.scale = found.scale.clone()
        self.zero = None if found.zero is None else found.zero.clone()
        self._cache = None

    def unfreeze(self) -> None:
        """Lets the codes follow the weight again."""
        self.codes = self.scale = self.zero = self.packed = None
        self._cache = None

    def _advance(self, weight: Tensor) -> None:
        self.step += 1
        step = int(self.step)
        with torch.no_grad():
            if self.schedule.due(step, self.schedule.mask_every):
                self._update_mask(weight)
            if self.schedule.due(step, self.schedule.clip_every):
                self._update_clip(weight)

    def _update_mask(self, weight: Tensor) -> None:
        if isinstance(self.format.pattern, NM):
            self.mask = nm_mask(weight.reshape(self.matrix), self.format.pattern)

    def _update_clip(self, weight: Tensor) -> None:
        if isinstance(self.format.clip, SearchedClip):
            self.clip = search_clip(weight.reshape(self.matrix), self.format, self.mask)

    def _evaluated(self, weight: Tensor) -> Tensor:
        """Without gradient a result stands until the weight or the state changes."""
        states = (id(self.mask), id(self.clip), id(self.codes))
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
        return Quantized(self.codes.to(torch.float32), self.scale, self.zero)

    def dequantized(self) -> Tensor:
        """The frozen matrix f32 [N, K]."""
        return dequantize(self.quantized(), self.format, self.mask)

    def extra_repr(self) -> str:
        return str(self.format)

    def _load_from_state_dict(
        self, state_dict: Mapping[str, Any], prefix: str, *arguments: Any
    ) -> None:
        # which fields there are depends on what was saved, not on what this quantizer has
        for name in ("mask", "clip", *self._FROZEN):
            saved, own = state_dict.get(prefix + name), getattr(self, name)
            if saved is None:
                if name in self._FROZEN:
                    setattr(self, name, None)
            elif own is None or own.shape != saved.shape or own.dtype != saved.dtype:
                setattr(self, name, torch.empty_like(saved, device=self.step.device))
        super()._load_from_state_dict(state_dict, prefix, *arguments)
        self._cache, self._seen = None, None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_cache": None, "_seen": None}
