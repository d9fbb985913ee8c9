"""Converts rows of codes to the words of a `Layout` and back, in torch."""

import torch
from torch import Tensor

from qdsl_gpu.layout import PLANE, ROWS, UNIT, Layout


def spread(values: Tensor, layout: Layout) -> Tensor:
    """Codes [rows, in_features] at their padded places [rows, columns]."""
    rows, width = values.shape
    span, group = layout.span, layout.group

    def padded(values: Tensor, count: int) -> Tensor:
        return torch.nn.functional.pad(values, (0, count), value=layout.padding)

    if span:
        values = padded(values, layout.groups * group - width)
        values = padded(values.view(rows, layout.groups, group), span - group).flatten(1)
    return padded(values, layout.columns - values.shape[1])


def gather(values: Tensor, layout: Layout) -> Tensor:
    """The inverse of `spread`."""
    if layout.span:
        values = values[:, : layout.groups * layout.span].view(-1, layout.groups, layout.span)
        values = values[..., : layout.group].flatten(1)
    return values[:, : layout.in_features]


def to_words(codes: Tensor, layout: Layout) -> Tensor:
    """Codes u8 [rows, columns] → words i32 [rows · steps · units · 16]; of 8 bits, less 128."""
    if layout.sparse:
        units = [_units(part, 4, layout) for part in _quads(codes)]
    else:
        low, units = 0, []
        codes = codes ^ 128 if layout.bits == 8 else codes
        for piece in layout.pieces:
            units.append(_units((codes >> low) & ((1 << piece) - 1), piece, layout))
            low += piece
    return torch.cat(units, 3).permute(0, 2, 3, 1, 4).flatten().to(torch.int32)


def _units(fields: Tensor, piece: int, layout: Layout) -> Tensor:
    """Fields [rows, n] of a piece → its units i64 [row blocks, 64, steps, units, 16]."""
    fields = fields.view(layout.rows // ROWS, ROWS, layout.steps, -1, 16 // piece, UNIT, 2)
    return (fields.long() << _places(piece, fields.device)).sum((-1, -3))


def _quads(codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Of each quad the codes of two columns, all that are not 8 among them, and a mask.

    Bit 3 of codes is inverted.
    """
    quads = (codes ^ 8).view(len(codes), -1, 4)
    order = (quads == 0).byte().argsort(dim=-1, stable=True)
    kept = order[..., :2].sort(-1).values
    first, second = quads.gather(-1, kept).unbind(-1)
    return first, second, (1 << kept).sum(-1)


def from_words(words: Tensor, layout: Layout) -> Tensor:
    """The inverse: codes u8 [rows, columns]."""
    given = words.view(layout.rows // ROWS, layout.steps, layout.units, ROWS, UNIT).long()
    given = given.permute(0, 3, 1, 2, 4)
    if layout.sparse:
        fields = (given[..., None, :, None] >> _places(4, words.device)) & 15
        first, second, mask = fields.unbind(3)
        return _filled(first, second, mask).view(layout.rows, layout.columns)
    codes = torch.zeros(layout.rows, layout.columns, dtype=torch.long, device=words.device)
    low = begin = 0
    for piece in layout.pieces:
        end = begin + piece * layout.step // 512
        part = given[..., begin:end, None, :, None] >> _places(piece, words.device)
        codes |= (part & ((1 << piece) - 1)).reshape(codes.shape) << low
        low, begin = low + piece, end
    return (codes ^ 128 if layout.bits == 8 else codes).to(torch.uint8)


def _filled(first: Tensor, second: Tensor, mask: Tensor) -> Tensor:
    """The inverse of `_quads`: codes u8 [..., 4]."""
    columns = torch.arange(4, device=mask.device)
    kept = (mask[..., None] >> columns) & 1
    is_first = kept.cumsum(-1) == 1
    codes = torch.where(is_first, first[..., None], second[..., None])
    return ((codes * kept) ^ 8).to(torch.uint8)


def _places(piece: int, device: torch.device) -> Tensor:
    """The bit of a word where plane i and half h begin, [16 / p, 1, 2]."""
    plane = torch.arange(16 // piece, device=device).view(-1, 1, 1)
    half = torch.arange(2, device=device) * 16
    return piece * (plane // 2) + 8 * (plane % 2) + half


assert PLANE == 2 * UNIT
