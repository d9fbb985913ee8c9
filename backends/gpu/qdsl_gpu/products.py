"""Launches products of rows with packed weights."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from qdsl_gpu import large
from qdsl_gpu.code_sums import code_sums
from qdsl_gpu.counters import counters
from qdsl_gpu.dispatch import tiles_of
from qdsl_gpu.end import End
from qdsl_gpu.kernels.linear_float import KERNEL as LINEAR_FLOAT
from qdsl_gpu.kernels.linear_int8 import KERNEL as LINEAR_INT8
from qdsl_gpu.kernels.linear_table import KERNEL as LINEAR_TABLE
from qdsl_gpu.layout import PLANE, Layout
from qdsl_gpu.ranges import Range
from qdsl_gpu.rows import exponents, float_rows, int8_rows, nothing
from qdsl_gpu.task import TABLE, Task
from qdsl_gpu.tiles import Tiles, Way
from qdsl_gpu.weights import Packed

_MOST_STAGES = 2 if torch.version.hip else 4
"""Shared memory of AMD's devices is a third of that of NVIDIA's."""
_FEWEST_ROWS = 16 if torch.version.hip else 8
"""Rows of x that a matrix instruction has, where it is narrowest."""
_FEW = 4
"""Rows of x up to which values of a codebook are multiplied without a matrix instruction."""
_LOOKED_UP = (2, 3, 4)
"""Bits of codes whose table the lanes of a warp hold."""
_STRICT = {"enable_fp_fusion": False}
"""No multiplication and addition become one: each is rounded."""


def linear_float(x: Tensor, weight: Packed, to_bf16: bool, end: End) -> Tensor:
    """x [M, K] → [M, N] of its type: sums of exact products, scales after those of a group."""
    layout, tokens, has_table = weight.layout, x.shape[0], weight.table is not None
    if weight.table is not None and tokens <= _FEW and layout.bits in _LOOKED_UP:
        return _linear_table(x, weight, weight.table, to_bf16, end)
    rows = float_rows(x, layout, to_bf16=to_bf16, in_bf16=has_table)
    y = x.new_empty(tokens, layout.outputs)
    task = Task("linear_float", layout, rows.planes, weight.zero_word, has_table)
    tiles = tiles_of(task, tokens, x.device)
    if tiles.way is not Way.WORDS:
        large.linear_float(rows, weight, task, y, end, tiles)
        return y
    cut = _Cut.of(tiles, layout, tokens, 4 if task.is_stacked(tokens) else 1)
    # a single bit is a sign
    factor = 1.0 if layout.bits == 1 else weight.factor * weight.multiple
    under = exponents(layout.bits, rows.values.dtype, rows.values.device)
    LINEAR_FLOAT[cut.grid](
        rows.values, weight.words, under, weight.scales, weight.zeros_or(weight.scales),
        weight.scales if weight.table is None else weight.table,
        *cut.parts(y, cut.grid[2], torch.float32), y, *end.tensors(y),
        tokens, layout.outputs, layout.rows, layout.steps, cut.steps,
        rows.plane_stride, rows.row_stride,
        BITS=layout.bits, SPARSE=layout.sparse, SPAN=layout.span // PLANE,
        CENTRE=weight.centre / weight.multiple,
        FACTOR=factor, ZERO=weight.zero_word, TABLE=weight.table is not None,
        PLANES=rows.planes, STACKED=task.is_stacked(tokens), **cut.constants, **end.flags,
    )  # fmt: skip
    return y


def _linear_table(x: Tensor, weight: Packed, table: Tensor, to_bf16: bool, end: End) -> Tensor:
    """The same of a codebook and few rows, which are read as they are."""
    layout, tokens = weight.layout, x.shape[0]
    x = x if x.stride(-1) == 1 else x.contiguous()
    y = x.new_empty(tokens, layout.outputs)
    tiles = tiles_of(Task(TABLE, layout, has_table=True), tokens, x.device)
    cut = _Cut.of(tiles, layout, tokens)
    LINEAR_TABLE[cut.grid](
        x, weight.words, weight.scales, table, *cut.parts(y, cut.grid[2], torch.float32), y,
        *end.tensors(y), tokens, layout.outputs, layout.in_features, layout.rows, layout.steps,
        cut.steps, layout.group if layout.span else layout.in_features, x.stride(0),
        BITS=layout.bits, SPAN=layout.span // PLANE, PLAIN=layout.is_plain, TO_BF16=to_bf16,
        SPLIT=cut.grid[2] > 1, FEW=1 << (tokens - 1).bit_length(), BN=tiles.rows, **end.flags,
        num_warps=tiles.warps, num_stages=1, **_STRICT,
    )  # fmt: skip
    return y


def linear_int8(x: Tensor, weight: Packed, given: Tensor | Range | None, end: End) -> Tensor:
    """x [M, K] → [M, N] of its type, each step as the contract of integer activations says.

    x is rounded as `int8_rows` does.
    """
    layout, tokens = weight.layout, x.shape[0]
    rows = int8_rows(x, layout, given)
    sums = rows.sums if rows.offset is None else code_sums(weight)
    y = x.new_empty(tokens, layout.outputs)
    task = Task("linear_int8", layout, zero=weight.zero_word)
    tiles = tiles_of(task, tokens, x.device)
    if tiles.way is not Way.WORDS:
        large.linear_int8(rows, weight, task, sums, y, end, tiles)
        return y
    cut = _Cut.of(tiles, layout, tokens)
    groups, is_wide = rows.sums.shape[1], weight.is_wide(rows.largest)
    # integers are added per part, floats per group: in ascending order, as without parts
    integer = torch.int64 if is_wide else torch.int32
    summed = (groups, torch.float32) if layout.span else (cut.grid[2], integer)
    LINEAR_INT8[cut.grid](
        rows.codes, rows.scales, rows.sums, rows.offset_or_sums, weight.words, nothing(y.device),
        sums, weight.scales, weight.zeros_or(weight.scales), *cut.parts(y, *summed),
        y, *end.tensors(y),
        tokens, layout.outputs, layout.rows, layout.steps, cut.steps, groups, layout.columns,
        BITS=layout.bits, SPARSE=layout.sparse, SPAN=layout.span // PLANE, MULTIPLE=weight.multiple,
        CENTRE=weight.centre, FACTOR=weight.factor, ZERO=weight.zero_word,
        OFFSET=rows.offset is not None, WIDE=is_wide, **cut.constants, **end.flags,
    )  # fmt: skip
    return y


@dataclass(frozen=True, slots=True)
class _Cut:
    """A product as it is launched: programs, and the steps of each part along K, whole groups."""

    grid: tuple[int, int, int]
    steps: int
    tiles: Tiles

    @staticmethod
    def of(tiles: Tiles, layout: Layout, tokens: int, each: int = 1) -> "_Cut":
        """`each`: rows of a product that a token has."""
        tiles = replace(tiles, tokens=max(tiles.tokens, _FEWEST_ROWS // each))
        whole = max(1, layout.span // layout.step)
        steps = -(-layout.steps // (tiles.splits * whole)) * whole
        parts = -(-layout.steps // steps)
        grid = (layout.rows // tiles.rows, -(-tokens // tiles.tokens), parts)
        return _Cut(grid, steps, tiles)

    def parts(self, y: Tensor, count: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Room for `count` sums of y, and counters; nothing that is read where K is not cut."""
        if self.grid[2] == 1:
            return y, y
        room = y.new_empty(count, *y.shape, dtype=dtype)
        return room, counters(self.grid[0] * self.grid[1], y.device)

    @property
    def constants(self) -> dict[str, Any]:
        """The constants of kernels."""
        tiles = self.tiles
        sizes = {"SPLIT": self.grid[2] > 1, "TOKENS": tiles.tokens, "BN": tiles.rows}
        stages = min(tiles.stages, _MOST_STAGES)
        return {**sizes, "num_warps": tiles.warps, "num_stages": stages, **_STRICT}
