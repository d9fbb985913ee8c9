"""Launches products of rows with packed weights."""

from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl_gpu.kernels.add_splits import KERNEL as ADD_SPLITS
from qdsl_gpu.kernels.linear_float import KERNEL as LINEAR_FLOAT
from qdsl_gpu.kernels.linear_int8 import KERNEL as LINEAR_INT8
from qdsl_gpu.kernels.round_rows import KERNEL as ROUND_ROWS
from qdsl_gpu.kernels.split_rows import KERNEL as SPLIT_ROWS
from qdsl_gpu.layout import PLANE, Layout
from qdsl_gpu.tiles import choose, split
from qdsl_gpu.weights import Packed

HALVES = (torch.bfloat16, torch.float16)
_MOST_STAGES = 2 if torch.version.hip else 4
"""Shared memory of AMD's devices is a third of that of NVIDIA's."""
_STRICT = {"enable_fp_fusion": False}
"""No multiplication and addition become one: each is rounded."""


@dataclass(frozen=True, slots=True)
class End:
    """What follows a product: bias f32 [N], relu, and a residual [M, N] that is added."""

    bias: Tensor | None = None
    relu: bool = False
    residual: Tensor | None = None

    @property
    def flags(self) -> dict[str, bool]:
        has_bias, has_residual = self.bias is not None, self.residual is not None
        return {"BIAS": has_bias, "RELU": self.relu, "RESIDUAL": has_residual}


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of 16-bit floats at the places of a weight's columns; `planes` of them add up."""

    values: Tensor
    planes: int
    plane_stride: int
    row_stride: int


# ---- floats ------------------------------------------------------------------------------------


def float_rows(x: Tensor, weight: Packed, to_bf16: bool) -> Rows:
    """x [M, K]: as it is where that will do, else prepared; exact unless rounded `to_bf16`."""
    tokens, layout = x.shape[0], weight.layout
    exact = x.dtype in HALVES and not (weight.table is not None and x.dtype is torch.float16)
    if exact and layout.is_plain and x.stride(-1) == 1 and not (to_bf16 and x.dtype != HALVES[0]):
        return Rows(x, 1, 0, x.stride(0))
    planes = 1 if to_bf16 or exact else 3
    dtype = x.dtype if planes == 1 and not to_bf16 else torch.bfloat16
    values = x.new_empty(planes, tokens, layout.columns, dtype=dtype)
    x = x if x.stride(-1) == 1 else x.contiguous()
    block = 512
    SPLIT_ROWS[tokens, -(-layout.columns // block)](
        x, values, tokens, layout.in_features, x.stride(0), layout.columns, *_groups(layout),
        PLANES=planes, BLOCK=block,
    )  # fmt: skip
    return Rows(values, planes, values.stride(0), layout.columns)


def linear_float(x: Tensor, weight: Packed, to_bf16: bool, end: End) -> Tensor:
    """x [M, K] → [M, N] of its type: sums of exact products, scales after those of a group."""
    layout, tokens = weight.layout, x.shape[0]
    rows = float_rows(x, weight, to_bf16)
    # a single bit is a sign
    factor = 1.0 if layout.bits == 1 else weight.factor * weight.multiple
    stacked = rows.planes > 1 and tokens <= 4
    tiles = choose(layout, tokens, stacked=stacked, has_table=weight.table is not None)
    tiles = split(tiles, layout, tokens)
    y = x.new_empty(tokens, layout.outputs)
    parts = y
    if tiles.splits > 1:
        parts = y.new_empty(tiles.splits, tokens, layout.outputs, dtype=torch.float32)
    grid = (layout.rows // tiles.rows, -(-tokens // tiles.tokens), tiles.splits)
    LINEAR_FLOAT[grid](
        rows.values, weight.words, weight.scales, _or(weight.zeros, weight.scales),
        _or(weight.table, weight.scales), parts, _or(end.bias, y), _or(end.residual, y),
        tokens, layout.outputs, layout.rows, layout.steps, -(-layout.steps // tiles.splits),
        rows.plane_stride, rows.row_stride,
        BITS=layout.bits, SPAN=layout.span // PLANE, CENTRE=weight.centre / weight.multiple,
        FACTOR=factor, ZERO=_zero(weight),
        TABLE=weight.table is not None, PLANES=rows.planes, STACKED=stacked,
        TOKENS=tiles.tokens, BN=tiles.rows, **(end if tiles.splits == 1 else End()).flags,
        num_warps=tiles.warps, num_stages=min(tiles.stages, _MOST_STAGES), **_STRICT,
    )  # fmt: skip
    if tiles.splits > 1:
        _add(parts, y, end)
    return y


def _add(parts: Tensor, y: Tensor, end: End) -> None:
    splits, tokens, outputs = parts.shape
    block = 256
    ADD_SPLITS[-(-outputs // block), tokens](
        parts, y, _or(end.bias, y), _or(end.residual, y), tokens, outputs, splits,
        BN=block, **end.flags, **_STRICT,
    )  # fmt: skip


# ---- integers ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rounded:
    """Codes i8 [copies, M, columns], scales f32 [M], sums of codes i32 [M, groups]."""

    codes: Tensor
    scales: Tensor
    sums: Tensor


def int8_rows(x: Tensor, layout: Layout, largest: Tensor | None = None) -> Rounded:
    """x [M, K] rounded, each row by its largest magnitude, or by `largest` f32 [M]."""
    tokens = x.shape[0]
    copies = 2 if layout.span == PLANE else 1
    codes = x.new_empty(copies, tokens, layout.columns, dtype=torch.int8)
    scales = x.new_empty(tokens, dtype=torch.float32)
    per_group = layout.span or layout.columns
    sums = x.new_empty(tokens, layout.columns // per_group, dtype=torch.int32)
    x = x if x.stride(-1) == 1 else x.contiguous()
    ROUND_ROWS[tokens,](
        x, _or(largest, scales), codes, scales, sums, tokens, layout.in_features, x.stride(0),
        layout.columns, *_groups(layout), per_group,
        GIVEN=largest is not None, COPIES=copies, BLOCK=min(1024, per_group & -per_group),
        **_STRICT,
    )  # fmt: skip
    return Rounded(codes, scales, sums)


def linear_int8(x: Tensor, weight: Packed, largest: Tensor | None, end: End) -> Tensor:
    """x [M, K] → [M, N] of its type, each step as the contract of integer activations says."""
    layout, tokens = weight.layout, x.shape[0]
    rows = int8_rows(x, layout, largest)
    tiles = choose(layout, tokens)
    y = x.new_empty(tokens, layout.outputs)
    LINEAR_INT8[layout.rows // tiles.rows, -(-tokens // tiles.tokens)](
        rows.codes, rows.scales, rows.sums, weight.words, weight.scales,
        _or(weight.zeros, weight.scales), y, _or(end.bias, y), _or(end.residual, y),
        tokens, layout.outputs, layout.rows, layout.steps, rows.sums.shape[1], layout.columns,
        BITS=layout.bits, SPAN=layout.span // PLANE, MULTIPLE=weight.multiple,
        CENTRE=weight.centre, FACTOR=weight.factor, ZERO=_zero(weight),
        TOKENS=tiles.tokens, BN=tiles.rows, **end.flags,
        num_warps=tiles.warps, num_stages=min(tiles.stages, _MOST_STAGES), **_STRICT,
    )  # fmt: skip
    return y


def _zero(weight: Packed) -> int:
    """The word ZERO of kernels: none, integers or floats."""
    return 1 if weight.has_integer_zero else 2 if weight.has_float_zero else 0


def _or(given: Tensor | None, other: Tensor) -> Tensor:
    """An argument that a kernel does not read where it is not given."""
    return other if given is None else given


def _groups(layout: Layout) -> tuple[int, int]:
    """Columns of a group, and how far apart groups begin."""
    if layout.span:
        return layout.group, layout.span
    return layout.in_features, layout.columns
