"""Reads the tensors of an artifact as codes that count from 0, with what they stand for."""

from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qdsl.artifact import bits
from qdsl.artifact.layout import kept_per_row
from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FloatGrid,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    Levels,
    PerGroup,
    QuantizedGrid,
    TernaryGrid,
)
from qdsl.ir.pattern import NM
from qdsl.target import CanonicalWeight
from qdsl_gpu.layout import Layout

_FLOATS = (torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True, slots=True)
class Codes:
    """codes u u8 [outputs, in_features], value = factor · (multiple · u - centre) · s.

    scales [outputs or 1, groups]; zeros like scales: u8, each the centre of its group, or floats,
    which are subtracted; table f32 [2^bits], then the value is table[u] · s.
    """

    layout: Layout
    codes: Tensor
    scales: Tensor
    zeros: Tensor | None = None
    table: Tensor | None = None
    multiple: int = 1
    centre: int = 0
    factor: float = 1.0


def codes_of(weight: CanonicalWeight) -> Codes:
    """Pruned weights take a code that stands for 0; ValueError for a format without codes."""
    grid = weight.format.grid
    if isinstance(grid, FloatGrid):
        raise ValueError(f"`{weight.format.name}` has no codes that a kernel reads")
    if weight.scales.dtype not in _FLOATS:
        raise ValueError(f"scales are f32, f16 or bf16, not {weight.scales.dtype}")
    kept, _ = kept_per_row(weight.format.pattern, weight.in_features)
    stored = bits.unpack_codes(weight.codes.cpu().numpy(), grid, kept)
    match grid:
        case IntegerGrid():
            return _integers(weight, grid, stored)
        case TernaryGrid():
            return _signed(weight, stored, 2)
        case BinaryGrid() if isinstance(weight.format.pattern, NM):
            return _signed(weight, stored, 2)  # a third value is that of the pruned
        case BinaryGrid():
            codes = torch.from_numpy((stored > 0).astype(np.uint8))
            return Codes(_layout(weight, 1), codes, weight.scales, multiple=2, centre=1)
        case CodebookGrid():
            return _codebook(weight, grid, stored)
        case _:
            assert_never(grid)


def _signed(weight: CanonicalWeight, stored: NDArray[np.int16], width: int) -> Codes:
    centre = 1 << (width - 1)
    codes = _dense(weight, stored + np.int16(centre), np.int16(centre))
    return Codes(_layout(weight, width), codes, weight.scales, centre=centre)


def _integers(weight: CanonicalWeight, grid: IntegerGrid, stored: NDArray[np.int16]) -> Codes:
    offset = 1 << (grid.bits - 1) if grid.signed else 0
    zeros, where = _zeros(weight, grid, offset)
    codes = _dense(weight, stored + np.int16(offset), where)
    layout = _layout(weight, grid.bits)
    if grid.levels is Levels.HALF:
        centre = 2 * offset - 1
        return Codes(layout, codes, weight.scales, zeros, multiple=2, centre=centre, factor=0.5)
    if (offset, zeros) == (8, None):
        layout = _compressed(weight, layout)
    return Codes(layout, codes, weight.scales, zeros, centre=offset)


def _zeros(
    weight: CanonicalWeight, grid: QuantizedGrid, offset: int
) -> tuple[Tensor | None, NDArray[np.int16] | np.int16]:
    """The zero points, and the code that stands for 0: one, or of each position."""
    match weight.format.zero:
        case IntegerZero():
            assert weight.zeros is not None
            count = weight.scales.shape[1]
            zeros = bits.unpack_codes(weight.zeros.cpu().numpy(), grid, count) + np.int16(offset)
            each = np.broadcast_to(zeros, (weight.outputs, count))
            size = _group(weight) or weight.in_features
            return torch.from_numpy(zeros.astype(np.uint8)), np.repeat(each, size, 1)
        case FloatZero():
            return weight.zeros, np.int16(offset)
        case _:
            return None, np.int16(offset)


def _codebook(weight: CanonicalWeight, grid: CodebookGrid, stored: NDArray[np.int16]) -> Codes:
    values = torch.tensor(grid.values) if weight.codebook is None else weight.codebook.cpu()
    width, table = grid.bits, values.to(torch.float32)
    zero = int((table == 0).to(torch.uint8).argmax())
    if isinstance(weight.format.pattern, NM) and table[zero] != 0:
        # no value is 0: one more bit, with which all are
        zero, width = 1 << width, width + 1
    codes, layout = _dense(weight, stored, np.int16(zero)), _layout(weight, width)
    table = torch.nn.functional.pad(table, (0, (1 << layout.bits) - len(table)))
    return Codes(layout, codes, weight.scales, table=table)


def _dense(
    weight: CanonicalWeight, stored: NDArray[np.int16], pruned: NDArray[np.int16] | np.int16
) -> Tensor:
    """Codes u8 of every position of [outputs, kept]."""
    pattern = weight.format.pattern
    if isinstance(pattern, NM):
        count = kept_per_row(pattern, weight.in_features)[0]
        given = _index(weight).numpy()
        positions = bits.unpack_index(given, pattern, count)
        is_kept = bits.scatter(np.ones_like(positions), positions, pattern) != 0
        rest = pruned if np.ndim(pruned) == 0 else pruned[:, : weight.in_features]  # type: ignore[index]
        stored = np.where(is_kept, bits.scatter(stored, positions, pattern), rest)
    return torch.from_numpy(stored.astype(np.uint8))


def _index(weight: CanonicalWeight) -> Tensor:
    if weight.index is None:  # all sets are one
        return torch.zeros(weight.outputs, 0, dtype=torch.uint8)
    return weight.index.cpu()


def _layout(weight: CanonicalWeight, width: int) -> Layout:
    """Codes of 5 to 7 bits are stored in 8."""
    width = width if width <= 4 else 8
    return Layout(width, weight.outputs, weight.in_features, _group(weight))


def _compressed(weight: CanonicalWeight, layout: Layout) -> Layout:
    """The layout for 2:4, where groups allow it and padding leaves it the smaller one."""
    pattern, sparse = weight.format.pattern, replace(layout, sparse=True)
    is_2_of_4 = isinstance(pattern, NM) and (pattern.kept, pattern.group) == (2, 4)
    serves = is_2_of_4 and layout.group % 128 == 0
    return sparse if serves and sparse.words < layout.words else layout


def _group(weight: CanonicalWeight) -> int:
    grouping = weight.format.grouping
    return grouping.size if isinstance(grouping, PerGroup) else 0
