"""Rounds weights in training on GPUs: one kernel forward, one backward.

One scale of a whole tensor takes another kernel before each, two where it depends on a mean that
has to be known first.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import triton
from torch import Tensor
from torch.autograd.function import once_differentiable

from qdsl.ir.format import (
    CodebookGrid,
    FloatGrid,
    FloatType,
    Grid,
    IntegerGrid,
    LearnedClip,
    PerGroup,
    PerTensor,
    SearchedClip,
    WeightFormat,
)
from qdsl.target import Fixed
from qdsl_gpu.kernels.fake_quantize import KERNEL as FORWARD
from qdsl_gpu.kernels.fake_quantize_backward import KERNEL as BACKWARD
from qdsl_gpu.kernels.tensor_parts import KERNEL as PARTS
from qdsl_gpu.kernels.tensor_sums import KERNEL as SUMS
from qdsl_gpu.rules import Rule, rule_of, scale_type

_TILE = 1024  # weights that a program reads at a time
_PARTS = 512  # of a tensor with one scale, at most


def fake_quantize(
    weight: Tensor, format: WeightFormat, fixed: Fixed, type: torch.dtype
) -> Tensor | None:
    """See `qdsl.target.Trains`."""
    if not _is_served(weight, format, fixed, type):
        return None
    whole = isinstance(format.grid, IntegerGrid)
    learned = whole and isinstance(format.clip, LearnedClip)
    values = _values(format.grid, fixed, weight.device)
    clips = fixed.clip if whole and isinstance(format.clip, SearchedClip) else None
    given = 0 if fixed.scale is None else 2 if learned else 1
    call = _Call(rule_of(format), format, given, fixed.mask, clips, fixed.zero, values, type)
    result: Tensor = _FakeQuantize.apply(weight, fixed.scale, call)  # type: ignore[no-untyped-call]
    return result


def _is_served(weight: Tensor, format: WeightFormat, fixed: Fixed, type: torch.dtype) -> bool:
    grid = format.grid
    if weight.dtype is not torch.float32 or not weight.numel():
        return False
    if isinstance(grid, FloatGrid):
        # f32 in f32 is the weight itself
        return (grid.type, fixed.mask, type) != (FloatType.F32, None, torch.float32)
    if isinstance(grid, CodebookGrid) and not grid.values and fixed.codebook is None:
        return False
    if rule_of(format).zero and fixed.scale is not None and fixed.zero is None:
        return False
    learned = isinstance(grid, IntegerGrid) and isinstance(format.clip, LearnedClip)
    return learned or fixed.scale is None or not fixed.scale.requires_grad


def _values(grid: Grid, fixed: Fixed, device: torch.device) -> Tensor | None:
    if not isinstance(grid, CodebookGrid):
        return None
    return _table(grid.values, device) if grid.values else fixed.codebook


@cache
def _table(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


@dataclass(frozen=True, slots=True)
class _Call:
    """What the kernels are given beside the weight [N, K] and its scale; `type` of the result."""

    rule: Rule
    format: WeightFormat
    given: int
    mask: Tensor | None
    clips: Tensor | None
    zeros: Tensor | None
    values: Tensor | None
    type: torch.dtype

    def tables(self, weight: Tensor, scale: Tensor | None) -> tuple[Tensor, ...]:
        """Pointers; one that is not read is the weight's."""
        mask = None if self.mask is None else self.mask.contiguous().view(torch.uint8)
        given = (mask, self.clips, scale, self.zeros, self.values)
        return tuple(weight if t is None else t.detach().contiguous() for t in given)

    @property
    def is_tensor(self) -> bool:
        """Whether one scale is for all."""
        return isinstance(self.format.grouping, PerTensor) and self.rule.grid != "float"

    def sizes(self, weight: Tensor) -> tuple[int, int, int, int]:
        """Groups, those of a row, columns, those of a group; see `fake_quantize`."""
        rows, columns = weight.shape
        if self.is_tensor:
            tiles = -(-weight.numel() // _TILE)
            return 1, 1, weight.numel(), -(-tiles // _PARTS) * _TILE
        grouping = self.format.grouping
        size = min(grouping.size, columns) if isinstance(grouping, PerGroup) else columns
        each = -(-columns // size)
        return rows * each, each, columns, size

    @property
    def step(self) -> str:
        """Where the gradient of a scale that is found goes."""
        if self.rule.straight:
            return "straight"
        return "range" if self.rule.by_range else "mean"

    def constants(self, sizes: tuple[int, int, int, int]) -> tuple[int, dict[str, Any]]:
        """Programs, and what is known when kernels are compiled."""
        rule, (groups, _, columns, size) = self.rule, sizes
        block = min(_TILE, triton.next_power_of_2(size))
        many = _TILE // block
        programs = -(-columns // size) if self.is_tensor else -(-groups // many)
        return programs, {
            "MASK": self.mask is not None,
            "CLIP": self.clips is not None,
            "GIVEN": self.given,
            "GRID": rule.grid,
            "ZERO": rule.zero if self.given != 2 else 0,
            "LOW": rule.low,
            "HIGH": rule.high,
            "STEPS": rule.steps,
            "SCALE": scale_type(self.format),
            "ZERO_TYPE": rule.zero_type,
            "VALUES": 0 if self.values is None else len(self.values),
            "SIZE": triton.next_power_of_2(programs) if self.is_tensor else 0,
            "BG": many,
            "BL": block,
            "enable_fp_fusion": False,
        }


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, scale: Tensor | None, call: _Call) -> Tensor:
        weight = weight.contiguous()
        y, sizes = torch.empty_like(weight, dtype=call.type), call.sizes(weight)
        programs, constants = call.constants(sizes)
        tables = call.tables(weight, scale)
        parts = _parts(weight, tables[0], call, sizes, programs, constants)
        ctx.save_for_backward(weight, scale, parts)
        ctx.call = call
        FORWARD[programs,](
            weight, *tables, weight if parts is None else parts, y, *sizes, call.rule.coefficient,
            **constants,
        )  # fmt: skip
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        weight, scale, parts = ctx.saved_tensors
        call: _Call = ctx.call
        dw, sizes = torch.empty_like(weight), call.sizes(weight)
        programs, constants = call.constants(sizes)
        trained = scale is not None and ctx.needs_input_grad[1]
        ds = torch.empty_like(scale, memory_format=torch.contiguous_format) if trained else None
        step = call.step if call.given == 0 else "learned" if trained else "straight"
        constants["STEP"] = step
        read = (weight, *call.tables(weight, scale), weight if parts is None else parts)
        given, shares = gradients[0].contiguous(), weight
        if call.is_tensor and (step != "straight" or call.rule.grid == "centred"):
            shares = weight.new_empty(4, programs, dtype=torch.float64)
            of_part = {k: v for k, v in constants.items() if k != "BG"}
            SUMS[programs,](
                *read, given, shares, sizes[2], sizes[3], call.rule.coefficient, **of_part
            )
        BACKWARD[programs,](
            *read, given, shares, dw, dw if ds is None else ds, *sizes, call.rule.coefficient,
            **constants,
        )  # fmt: skip
        return dw, ds, None


def _parts(
    weight: Tensor, mask: Tensor, call: _Call, sizes: tuple[int, int, int, int], programs: int,
    constants: dict[str, Any],
) -> Tensor | None:  # fmt: skip
    """Statistics f64 [4, programs] of a tensor whose one scale has to be found."""
    if not call.is_tensor or not (stages := call.rule.stages(call.given)):
        return None
    parts = weight.new_empty(4, programs, dtype=torch.float64)
    known = {k: constants[k] for k in ("MASK", "GRID", "SIZE", "BL", "enable_fp_fusion")}
    for stage in range(stages):
        PARTS[programs,](weight, mask, parts, sizes[2], sizes[3], STAGE=stage, **known)
    return parts
