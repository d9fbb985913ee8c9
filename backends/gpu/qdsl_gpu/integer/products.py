"""Launches products of int16 codes with packed weights."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl_gpu.convolutions import Geometry
from qdsl_gpu.integer.elementwise import codes
from qdsl_gpu.kernels.integer_conv_groups import KERNEL as CONV_GROUPS
from qdsl_gpu.kernels.integer_embedding import KERNEL as EMBEDDING
from qdsl_gpu.kernels.integer_linear import KERNEL as LINEAR
from qdsl_gpu.kernels.integer_rows import KERNEL as ROWS
from qdsl_gpu.layout import PLANE, Layout
from qdsl_gpu.weights import Packed, read

_MOST_STAGES = 2 if torch.version.hip else 4
_POSITIONS, _OUTPUTS, _COLUMNS = 16, 64, 256  # of a program
_TILE = 1024  # codes that a program narrows at once
_NO_PATCHES: tuple[int, ...] = (1,) * 12


@dataclass(frozen=True, slots=True)
class Narrow:
    """int8 codes [copies, M, columns] at the places of a weight's, and sums i32 [M, groups]."""

    codes: Tensor
    sums: Tensor

    @property
    def count(self) -> int:
        return self.codes.shape[1]


@dataclass(frozen=True, slots=True)
class By:
    """Multipliers of groups: mantissas i32 [N, per row] from `first` on, shifts i32 [N, 1]."""

    mantissa: Tensor
    shift: Tensor
    first: int = 0


def narrowed(x: Tensor, layout: Layout, shape: Geometry | None = None) -> Narrow:
    """Rows of x i16 [M, K], or with a shape the patches of x [B, spatial…, channels]."""
    window = _NO_PATCHES
    if shape is None:
        x = x if x.stride(-1) == 1 else x.contiguous()
        tokens, stride = x.shape[0], x.stride(0)
    else:
        x = x.contiguous()
        tokens, stride = x.shape[0] * shape.out[0] * shape.out[1], 0
        window = (
            *shape.size, x.shape[-1], *shape.out, *shape.stride, *shape.before, *shape.gap,
            shape.kernel[1],
        )  # fmt: skip
    per_group, copies = layout.span or layout.columns, 2 if layout.span == PLANE else 1
    groups = layout.columns // per_group
    made = x.new_empty(copies, tokens, layout.columns, dtype=torch.int8)
    sums = x.new_empty(tokens, groups, dtype=torch.int32)
    block = min(_TILE, per_group & -per_group)
    lines = _TILE // block
    ROWS[-(-tokens * groups // lines),](
        x, made, sums, tokens, layout.in_features, stride, layout.columns, *layout.spacing,
        per_group, *window, PATCHES=shape is not None, COPIES=copies,
        SPARSE=layout.sparse, LINES=lines, BLOCK=block, enable_fp_fusion=False,
    )  # fmt: skip
    return Narrow(made, sums)


def product(
    x: Narrow, weight: Packed, by: By, bias: Tensor | None, added: Tensor | None = None,
    *, rounded: bool = True,
) -> Tensor:  # fmt: skip
    """int16 codes [M, N], or their sums i64; `added` i64 [M, N] are sums that are added."""
    layout, tokens = weight.layout, x.count
    y = x.codes.new_empty(tokens, layout.outputs, dtype=torch.int16 if rounded else torch.int64)
    width, rows, stages = _tile(layout, tokens)
    LINEAR[layout.rows // rows, -(-tokens // width)](
        x.codes, x.sums, weight.words, weight.zeros_or(weight.words),
        x.sums if bias is None else bias, by.mantissa, by.shift,
        x.sums if added is None else added, y,
        tokens, layout.outputs, layout.rows, layout.steps, x.sums.shape[1], layout.groups,
        layout.columns, by.first, by.mantissa.shape[1], 0 if added is None else added.stride(0),
        BITS=layout.bits, SPARSE=layout.sparse, SPAN=layout.span // PLANE, MULTIPLE=weight.multiple,
        CENTRE=weight.centre, ZERO=weight.zero_word, BIAS=bias is not None,
        ADDED=added is not None, ROUND=rounded, TOKENS=width, BN=rows,
        num_warps=8 if width * rows > 128 * 64 else 4, num_stages=min(stages, _MOST_STAGES),
        enable_fp_fusion=False,
    )  # fmt: skip
    return y


def _tile(layout: Layout, tokens: int) -> tuple[int, int, int]:
    """Tokens and rows of a program, and steps that are loaded ahead.

    Sums of groups have 64 bits, and long steps take many rows of x: larger ones would not fit.
    """
    is_long, rows = layout.step > 128, 128 if layout.rows % 128 == 0 and not layout.span else 64
    most = (128 >> is_long) >> bool(layout.span)
    width = next((t for t in (16, 32, 64) if tokens <= t <= most), most)
    return width, rows, 2 if layout.step == 512 else 3 if width >= 64 else 4


def linear(x: Tensor, weight: Tensor, bias: Tensor, m: Tensor, e: Tensor, size: int) -> Tensor:
    """x [..., K] → [..., N]; groups of `size` are those of the weight."""
    codes(x)
    packed = read(weight)
    rows = x.reshape(-1, packed.layout.in_features)
    shape = (*x.shape[:-1], packed.layout.outputs)
    if not torch.Size(shape).numel():
        return x.new_empty(shape)
    return product(narrowed(rows, packed.layout), packed, _by(m, e), bias).view(shape)


def _by(m: Tensor, e: Tensor) -> By:
    return By(m.contiguous(), e.contiguous())


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    m: Tensor,
    e: Tensor,
    size: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """x [B, spatial…, channels] → [B, positions…, N]."""
    codes(x)
    packed = read(weight)
    shape = Geometry.of(x, kernel, stride, padding, dilation)
    found = (x.shape[0], *shape.out[2 - shape.axes :], packed.layout.outputs)
    if not torch.Size(found).numel():
        return x.new_empty(found)
    if groups > 1:
        return _grouped(x, packed, bias, _by(m, e), shape, groups).view(found)
    return product(narrowed(x, packed.layout, shape), packed, _by(m, e), bias).view(found)


def _grouped(
    x: Tensor, weight: Packed, bias: Tensor, by: By, shape: Geometry, groups: int
) -> Tensor:
    layout, x = weight.layout, x.contiguous()
    positions = x.shape[0] * shape.out[0] * shape.out[1]
    y = x.new_empty(positions, layout.outputs)
    CONV_GROUPS[-(-positions // _POSITIONS), -(-layout.outputs // _OUTPUTS)](
        x, weight.words, weight.zeros_or(weight.words), bias, by.mantissa, by.shift, y,
        positions, *shape.size, x.shape[-1], *shape.out, layout.outputs, layout.in_features,
        x.shape[-1] // groups, layout.outputs // groups, layout.rows, layout.steps,
        *layout.spacing, by.mantissa.shape[1], *shape.stride, *shape.before, *shape.gap,
        shape.kernel[1],
        BITS=layout.bits, SPARSE=layout.sparse, MULTIPLE=weight.multiple, CENTRE=weight.centre,
        ZERO=weight.zero_word, BP=_POSITIONS, BN=_OUTPUTS, enable_fp_fusion=False,
    )  # fmt: skip
    return y


def embedding(ids: Tensor, weight: Tensor, m: Tensor, e: Tensor, size: int, width: int) -> Tensor:
    """ids [...] → [..., width]; a row of -32768 for an id that is no row."""
    packed = read(weight)
    layout, by = packed.layout, _by(m, e)
    y = ids.new_empty((*ids.shape, width), dtype=torch.int16)
    if y.numel():
        EMBEDDING[ids.numel(), -(-width // _COLUMNS)](
            ids.contiguous(), packed.words, packed.zeros_or(packed.words), by.mantissa, by.shift,
            y, layout.outputs, width, layout.rows, layout.steps, *layout.spacing,
            by.mantissa.shape[1], BITS=layout.bits, SPARSE=layout.sparse, MULTIPLE=packed.multiple,
            CENTRE=packed.centre, ZERO=packed.zero_word, BLOCK=_COLUMNS,
            enable_fp_fusion=False,
        )  # fmt: skip
    return y
