"""Converts rows of codes to the words of a `Layout` and back, in torch."""

import torch
from torch import Tensor

from qdsl_gpu.layout import PLANE, ROWS, UNIT, Layout


def spread(values: Tensor, layout: Layout) -> Tensor:
    """Columns [rows, in_features] at their padded places [rows, columns], 0 between."""
    rows, width = values.shape
    span, group = layout.span, layout.group
    if span:
        values = torch.nn.functional.pad(values, (0, layout.groups * group - width))
        values = values.view(rows, layout.groups, group)
        values = torch.nn.functional.pad(values, (0, span - group)).flatten(1)
    return torch.nn.functional.pad(values, (0, layout.columns - values.shape[1]))


def gather(values: Tensor, layout: Layout) -> Tensor:
    """The inverse of `spread`."""
    if layout.span:
        values = values[:, : layout.groups * layout.span].view(-1, layout.groups, layout.span)
        values = values[..., : layout.group].flatten(1)
    return values[:, : layout.in_features]


def to_words(codes: Tensor, layout: Layout) -> Tensor:
    """Codes u8 [rows, columns] → words i32 [rows · steps · units · 16]; of 8 bits, less 128."""
    low, units = 0, []
    codes = codes ^ 128 if layout.bits == 8 else codes
    for piece in layout.pieces:
        fields = ((codes >> low) & ((1 << piece) - 1)).long()
        fields = fields.view(layout.rows // ROWS, ROWS, layout.steps, -1, 16 // piece, UNIT, 2)
        words = (fields << _places(piece, codes.device)).sum((-1, -3))
        units.append(words)  # [row blocks, 64, steps, units, 16]
        low += piece
    words = torch.cat(units, 3).permute(0, 2, 3, 1, 4)
    return words.flatten().to(torch.int32)


def from_words(words: Tensor, layout: Layout) -> Tensor:
    """The inverse: codes u8 [rows, columns]."""
    given = words.view(layout.rows // ROWS, layout.steps, layout.units, ROWS, UNIT).long()
    given = given.permute(0, 3, 1, 2, 4)
    codes = torch.zeros(layout.rows, layout.columns, dtype=torch.long, device=words.device)
    low = begin = 0
    for piece in layout.pieces:
        end = begin + piece * layout.step // 512
        part = given[..., begin:end, None, :, None] >> _places(piece, words.device)
        codes |= (part & ((1 << piece) - 1)).reshape(codes.shape) << low
        low, begin = low + piece, end
    return (codes ^ 128 if layout.bits == 8 else codes).to(torch.uint8)


def _places(piece: int, device: torch.device) -> Tensor:
    """The bit of a word where plane i and half h begin, [16 / p, 1, 2]."""
    plane = torch.arange(16 // piece, device=device).view(-1, 1, 1)
    half = torch.arange(2, device=device) * 16
    return piece * (plane // 2) + 8 * (plane % 2) + half


assert PLANE == 2 * UNIT
