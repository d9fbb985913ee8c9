"""Launches products of rows with packed weights."""

import torch
from torch import Tensor

from qdsl_gpu import large
from qdsl_gpu.code_sums import code_sums
from qdsl_gpu.dispatch import tiles_of
from qdsl_gpu.end import End
from qdsl_gpu.kernels.add_splits import KERNEL as ADD_SPLITS
from qdsl_gpu.kernels.linear_float import KERNEL as LINEAR_FLOAT
from qdsl_gpu.kernels.linear_int8 import KERNEL as LINEAR_INT8
from qdsl_gpu.layout import PLANE
from qdsl_gpu.ranges import Range
from qdsl_gpu.rows import Rows, exponents, float_rows, int8_rows
from qdsl_gpu.task import Task
from qdsl_gpu.tiles import Tiles, Way
from qdsl_gpu.weights import Packed

_MOST_STAGES = 2 if torch.version.hip else 4
"""Shared memory of AMD's devices is a third of that of NVIDIA's."""
_STRICT = {"enable_fp_fusion": False}
"""No multiplication and addition become one: each is rounded."""


def linear_float(x: Tensor, weight: Packed, to_bf16: bool, end: End) -> Tensor:
    """x [M, K] → [M, N] of its type: sums of exact products, scales after those of a group."""
    tokens, has_table = x.shape[0], weight.table is not None
    rows = float_rows(x, weight.layout, to_bf16=to_bf16, in_bf16=has_table)
    y = x.new_empty(tokens, weight.layout.outputs)
    task = Task("linear_float", weight.layout, rows.planes, weight.zero_word, has_table)
    tiles, stacked = tiles_of(task, tokens, x.device), task.is_stacked(tokens)
    if tiles.way is not Way.WORDS:
        large.linear_float(rows, weight, task, y, end, tiles)
        return y
    if tiles.splits == 1:
        _launch(rows, weight, tokens, y, end, tiles, stacked)
        return y
    parts = y.new_empty(tiles.splits, *y.shape, dtype=torch.float32)
    _launch(rows, weight, tokens, parts, End(), tiles, stacked)
    block = 256
    ADD_SPLITS[tokens, -(-y.shape[1] // block)](
        parts, weight.scales, y, *end.tensors(y), *y.shape, tiles.splits, y.shape[1], 0,
        SCALED=False, FACTOR=1.0, BN=block, **end.flags, **_STRICT,
    )  # fmt: skip
    return y


def _launch(
    rows: Rows, weight: Packed, tokens: int, y: Tensor, end: End, tiles: Tiles, stacked: bool
) -> None:
    """Writes y [splits, M, N]."""
    layout = weight.layout
    # a single bit is a sign
    factor = 1.0 if layout.bits == 1 else weight.factor * weight.multiple
    under = exponents(layout.bits, rows.values.dtype, rows.values.device)
    grid = (layout.rows // tiles.rows, -(-tokens // tiles.tokens), tiles.splits)
    LINEAR_FLOAT[grid](
        rows.values, weight.words, under, weight.scales, weight.zeros_or(weight.scales),
        weight.scales if weight.table is None else weight.table, y, *end.tensors(y),
        tokens, layout.outputs, layout.rows, layout.steps, -(-layout.steps // tiles.splits),
        rows.plane_stride, rows.row_stride,
        BITS=layout.bits, SPARSE=layout.sparse, SPAN=layout.span // PLANE,
        CENTRE=weight.centre / weight.multiple, FACTOR=factor,
        ZERO=weight.zero_word, TABLE=weight.table is not None,
        PLANES=rows.planes, STACKED=stacked, TOKENS=tiles.tokens, BN=tiles.rows, **end.flags,
        num_warps=tiles.warps, num_stages=min(tiles.stages, _MOST_STAGES), **_STRICT,
    )  # fmt: skip


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
    LINEAR_INT8[layout.rows // tiles.rows, -(-tokens // tiles.tokens)](
        rows.codes, rows.scales, rows.sums, rows.offset_or_sums, weight.words, sums,
        weight.scales, weight.zeros_or(weight.scales), y, *end.tensors(y),
        tokens, layout.outputs, layout.rows, layout.steps, rows.sums.shape[1], layout.columns,
        BITS=layout.bits, SPARSE=layout.sparse, SPAN=layout.span // PLANE, MULTIPLE=weight.multiple,
        CENTRE=weight.centre, FACTOR=weight.factor, ZERO=weight.zero_word,
        OFFSET=rows.offset is not None, TOKENS=tiles.tokens, BN=tiles.rows, **end.flags,
        num_warps=tiles.warps, num_stages=min(tiles.stages, _MOST_STAGES), **_STRICT,
    )  # fmt: skip
    return y
