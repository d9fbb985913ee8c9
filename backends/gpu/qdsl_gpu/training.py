"""Rounds weights in training on GPUs: one kernel forward, one backward."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
import triton
from torch import Tensor

from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FixedClip,
    FloatGrid,
    FloatZero,
    Grid,
    IntegerGrid,
    IntegerZero,
    LearnedClip,
    Levels,
    PerGroup,
    PerTensor,
    SearchedClip,
    Symmetric,
    TernaryGrid,
    WeightFormat,
)
from qdsl.target import Fixed
from qdsl_gpu.kernels.fake_quantize import KERNEL as FORWARD
from qdsl_gpu.kernels.fake_quantize_backward import KERNEL as BACKWARD

_TILE = 1024  # weights that a program reads at a time


@dataclass(frozen=True, slots=True)
class Rule:
    """The constants of the kernels for a format, and its clip; see `qdsl_gpu.scales`."""

    grid: str
    low: int = 0
    high: int = 0
    steps: float = 1.0
    zero: int = 0
    zero_type: str = "f32"
    coefficient: float = 1.0
    straight: bool = False


@cache
def rule_of(format: WeightFormat) -> Rule | None:
    """None where no kernel rounds to that format: floats, and one scale for a tensor."""
    grid = format.grid
    if isinstance(grid, FloatGrid) or isinstance(format.grouping, PerTensor):
        return None
    match grid:
        case IntegerGrid():
            return _integers(grid, format)
        case TernaryGrid(rule):
            return Rule("threshold" if rule == "threshold" else "ternary", -1, 1)
        case BinaryGrid(center, ste):
            return Rule("centred" if center else "binary", straight=ste == "identity")
        case CodebookGrid():
            return Rule("table")


def _integers(grid: IntegerGrid, format: WeightFormat) -> Rule:
    coefficient = format.clip.coefficient if isinstance(format.clip, FixedClip) else 1.0
    if isinstance(format.zero, Symmetric):
        half = grid.levels is Levels.HALF
        name, steps = ("half", grid.qmax + 0.5) if half else ("integer", float(grid.qmax))
        return Rule(name, grid.qmin, grid.qmax, steps, coefficient=coefficient)
    low = -(1 << (grid.bits - 1)) if grid.signed else 0
    type = format.zero.type.value if isinstance(format.zero, FloatZero) else "f32"
    zero = 1 if isinstance(format.zero, IntegerZero) else 2
    steps = float(grid.qmax - low)
    return Rule("integer", low, grid.qmax, steps, zero, type, coefficient)


def fake_quantize(weight: Tensor, format: WeightFormat, fixed: Fixed) -> Tensor | None:
    """See `qdsl.target.Trains`."""
    rule = rule_of(format)
    if rule is None or weight.dtype is not torch.float32 or not weight.numel():
        return None
    whole = isinstance(format.grid, IntegerGrid)
    learned = whole and isinstance(format.clip, LearnedClip)
    values = _values(format.grid, fixed, weight.device)
    lacks_values = rule.grid == "table" and values is None
    lacks_zero = rule.zero != 0 and fixed.scale is not None and fixed.zero is None
    if lacks_values or lacks_zero or (_is_trained(fixed.scale) and not learned):
        return None
    clips = fixed.clip if whole and isinstance(format.clip, SearchedClip) else None
    given = 0 if fixed.scale is None else 2 if learned else 1
    call = _Call(rule, format, given, fixed.mask, clips, fixed.zero, values)
    result: Tensor = _FakeQuantize.apply(weight, fixed.scale, call)  # type: ignore[no-untyped-call]
    return result


def _is_trained(x: Tensor | None) -> bool:
    return x is not None and x.requires_grad


def _values(grid: Grid, fixed: Fixed, device: torch.device) -> Tensor | None:
    if not isinstance(grid, CodebookGrid):
        return None
    return _table(grid.values, device) if grid.values else fixed.codebook


@cache
def _table(values: tuple[float, ...], device: torch.device) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=device)


@dataclass(frozen=True, slots=True)
class _Call:
    """What both kernels are given beside the weight [N, K] and its scale."""

    rule: Rule
    format: WeightFormat
    given: int
    mask: Tensor | None
    clips: Tensor | None
    zeros: Tensor | None
    values: Tensor | None

    def tables(self, weight: Tensor, scale: Tensor | None) -> tuple[Tensor, ...]:
        """Pointers; one that is not read is the weight's."""
        mask = None if self.mask is None else self.mask.contiguous().view(torch.uint8)
        given = (mask, self.clips, scale, self.zeros, self.values)
        return tuple(weight if t is None else t.detach().contiguous() for t in given)

    def sizes(self, weight: Tensor) -> tuple[int | float, ...]:
        """Groups, those of a row, columns, those of a group, and the clip."""
        rows, columns = weight.shape
        grouping = self.format.grouping
        size = min(grouping.size, columns) if isinstance(grouping, PerGroup) else columns
        each = -(-columns // size)
        return rows * each, each, columns, size, self.rule.coefficient

    @property
    def step(self) -> str:
        """Where the gradient of a scale that is found goes."""
        if self.rule.straight:
            return "straight"
        return "range" if self.rule.grid in ("integer", "half", "table") else "mean"

    def constants(self, size: int) -> dict[str, Any]:
        rule = self.rule
        block = min(_TILE, triton.next_power_of_2(size))
        return {
            "MASK": self.mask is not None,
            "CLIP": self.clips is not None,
            "GIVEN": self.given,
            "GRID": rule.grid,
            "ZERO": rule.zero if self.given != 2 else 0,
            "LOW": rule.low,
            "HIGH": rule.high,
            "STEPS": rule.steps,
            "SCALE": self.format.scale.value,
            "ZERO_TYPE": rule.zero_type,
            "VALUES": 0 if self.values is None else len(self.values),
            "BG": _TILE // block,
            "BL": block,
            "enable_fp_fusion": False,
        }


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, scale: Tensor | None, call: _Call) -> Tensor:
        weight = weight.contiguous()
        ctx.save_for_backward(weight, scale)
        ctx.call = call
        y, sizes = torch.empty_like(weight), call.sizes(weight)
        constants = call.constants(int(sizes[3]))
        programs = -(-int(sizes[0]) // constants["BG"])
        FORWARD[programs,](weight, *call.tables(weight, scale), y, *sizes, **constants)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor | None, None]:
        weight, scale = ctx.saved_tensors
        call: _Call = ctx.call
        dw, sizes = torch.empty_like(weight), call.sizes(weight)
        constants = call.constants(int(sizes[3]))
        trained = scale is not None and ctx.needs_input_grad[1]
        ds = torch.empty_like(scale, memory_format=torch.contiguous_format) if trained else None
        step = call.step if call.given == 0 else "learned" if trained else "straight"
        BACKWARD[-(-int(sizes[0]) // constants["BG"]),](
            weight, *call.tables(weight, scale), gradients[0].contiguous(), dw,
            dw if ds is None else ds, *sizes, STEP=step, **constants,
        )  # fmt: skip
        return dw, ds, None
