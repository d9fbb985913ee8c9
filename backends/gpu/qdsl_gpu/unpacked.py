"""Unpacks a weight, slab by slab of rows, so that memory is bounded."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl_gpu.kernels.unpack_words import KERNEL as UNPACK_WORDS
from qdsl_gpu.layout import PLANE, ROWS, Layout
from qdsl_gpu.rows import exponents
from qdsl_gpu.weights import Packed

MOST = 128 << 20
"""Bytes of codes that are unpacked at a time."""
_SLAB = 256  # rows of a slab are a multiple


@dataclass(frozen=True, slots=True)
class Slab:
    """Codes of `count` rows of a weight from `first` on. The next slab is written over them."""

    first: int
    count: int
    codes: Tensor


def float_slabs(weight: Packed, dtype: torch.dtype) -> Iterator[Slab]:
    """Codes [count, columns] of a 16-bit float, less their centre; of a table [parts, count, …]."""
    layout, parts = weight.layout, weight.parts
    scratch = None
    for first, count in _cut(layout, layout.columns * 2 * parts):
        if scratch is None:
            scratch = weight.words.new_empty(parts * count * layout.columns, dtype=dtype)
        codes = scratch[: parts * count * layout.columns]
        _unpack(weight, codes, first, count, layout.columns, PLANE, is_centred=True)
        yield Slab(first, count, codes.view(-1, layout.columns))


def packed(weight: Packed) -> tuple[Slab]:
    """Of 8 bits all codes less 128, in tiles as those of `byte_slabs`: where they are."""
    return (Slab(0, weight.layout.rows, weight.words.view(torch.int8)),)


def byte_slabs(
    weight: Packed, *, is_tiled: bool = True, is_centred: bool = False
) -> Iterator[Slab]:
    """Codes i8 in tiles [count / 64, columns / 64, 64, 64], or else [count, columns].

    They count from 0 (of 8 bits u - 128) or, of fewer bits, are less their centre.
    """
    layout = weight.layout
    row, across = (ROWS, ROWS * ROWS) if is_tiled else (layout.columns, ROWS)
    scratch = None
    for first, count in _cut(layout, layout.columns):
        if scratch is None:
            scratch = weight.words.new_empty(count * layout.columns, dtype=torch.int8)
        codes = scratch[: count * layout.columns]
        _unpack(weight, codes, first, count, row, across, is_centred=is_centred)
        yield Slab(first, count, codes.view(count, layout.columns))


def _cut(layout: Layout, bytes: int) -> Iterator[tuple[int, int]]:
    """First row and number of rows of slabs, about equal, whose rows have so many bytes."""
    most = max(_SLAB, MOST // bytes // _SLAB * _SLAB)
    number = -(-layout.rows // most)
    height = -(-layout.rows // (number * _SLAB)) * _SLAB
    for first in range(0, layout.rows, height):
        yield first, min(height, layout.rows - first)


def _unpack(
    weight: Packed, y: Tensor, first: int, count: int, row: int, across: int, *, is_centred: bool
) -> None:
    layout, is_bytes = weight.layout, y.dtype is torch.int8
    under = exponents(layout.bits, torch.bfloat16 if is_bytes else y.dtype, y.device)
    UNPACK_WORDS[count // ROWS, layout.steps](
        weight.words, under, weight.zeros_or(weight.scales),
        weight.scales if weight.table is None else weight.table, y,
        first, layout.rows, layout.steps, layout.columns, count * layout.columns, row, across,
        BITS=layout.bits, SPARSE=layout.sparse, SPAN=layout.span, MULTIPLE=weight.multiple,
        CENTRE=weight.centre if is_bytes else weight.centre / weight.multiple,
        ZERO=weight.zero_word, PARTS=weight.parts, TABLE=weight.table is not None,
        BYTES=is_bytes, CENTRED=is_centred,
    )  # fmt: skip
