"""Repacks canonical weights into the one buffer that the kernels read, and reads it."""

from collections.abc import MutableMapping
from dataclasses import dataclass, replace
from math import prod

import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from qdsl.target import CanonicalWeight
from qdsl_gpu import fields
from qdsl_gpu.canonical import Codes, codes_of
from qdsl_gpu.layout import Layout

_MAGIC = 0x7571_6770  # bytes of "pgqu"
_HEADER = 16  # numbers of 64 bits
_ALIGNED = 128  # bytes, a line of the cache
_TYPES = (torch.float32, torch.float16, torch.bfloat16, torch.uint8)
_NONE = 0  # no zero points


@dataclass(frozen=True, slots=True)
class Packed:
    """A weight as the kernels read it: value = factor · (multiple · u - centre) · s.

    u is what the words hold, 0 to 2^bits - 1 (of 8 bits u - 128). words i32; scales in their
    stored type [slots, rows]; zeros u8 [slots, rows], which then are the centre, or floats like
    scales, which are subtracted from the value. table f32 [2^bits]: then the value is
    table[u] · s; its numbers are the sums of so many `parts` of bf16.
    """

    layout: Layout
    multiple: int
    centre: int
    factor: float
    words: Tensor
    scales: Tensor
    zeros: Tensor | None
    table: Tensor | None
    parts: int = 1

    @property
    def zero_word(self) -> int:
        """The constant ZERO of kernels: 0 none, 1 integers, 2 floats."""
        if self.zeros is None:
            return 0
        return 1 if self.zeros.dtype is torch.uint8 else 2

    @property
    def has_float_zero(self) -> bool:
        return self.zero_word == 2

    def is_wide(self, largest: int) -> bool:
        """Whether Σ over a group of products with integers up to `largest` may leave 32 bits.

        As codes are multiplied, and less what they exceed their values by.
        """
        layout, most = self.layout, self.multiple * ((1 << self.layout.bits) - 1)
        stored = self.multiple * 128 if layout.bits == 8 else most
        value = most if self.zero_word == 1 else max(self.centre, most - self.centre)
        columns = layout.group if layout.span else layout.in_features
        return columns * largest * max(stored, value) >= 1 << 31

    def zeros_or(self, other: Tensor) -> Tensor:
        """Zeros for kernels, which do not read the `other` where there are none."""
        return other if self.zeros is None else self.zeros


def repack(weight: CanonicalWeight) -> Tensor:
    """A packed weight u8 [bytes]; ValueError for a float format."""
    codes = codes_of(weight)
    layout = codes.layout
    below = 0, 0, 0, layout.rows - layout.outputs
    padded = torch.nn.functional.pad(codes.codes, below, value=layout.padding)
    words = torch.cat(
        [
            fields.to_words(fields.spread(part, layout), _slab(layout, len(part)))
            for part in torch.split(padded, 1024)
        ]
    )
    zeros = None if codes.zeros is None else _columns(codes.zeros, layout)
    return _write(codes, (words, _columns(codes.scales, layout), zeros, codes.table))


def _slab(layout: Layout, rows: int) -> Layout:
    """The layout of some of its rows."""
    return replace(layout, outputs=rows)


def _columns(table: Tensor, layout: Layout) -> Tensor:
    """A table [outputs or 1, groups] → [slots, rows], 0 for rows and groups that are padding."""
    padded = table.new_zeros(layout.slots, layout.rows)
    padded[: layout.groups, : layout.outputs] = table.expand(layout.outputs, layout.groups).t()
    return padded


def _write(codes: Codes, parts: tuple[Tensor | None, ...]) -> Tensor:
    layout, (_, scales, zeros, table) = codes.layout, parts
    assert scales is not None
    header = [
        *(_MAGIC, layout.bits, layout.outputs, layout.in_features, layout.group),
        *(codes.multiple, codes.centre, int(codes.factor == 0.5)),
        _TYPES.index(scales.dtype),
        _NONE if zeros is None else 1 + _TYPES.index(zeros.dtype),
        *(0 if table is None else _parts(table), int(layout.sparse)),
    ]
    begin = torch.tensor(header + [0] * (_HEADER - len(header)), dtype=torch.int64)
    buffers = [begin, *(p.contiguous() for p in parts if p is not None)]
    return torch.cat([_aligned(b.view(torch.uint8).flatten()) for b in buffers])


def _parts(table: Tensor) -> int:
    return 1 if table.bfloat16().float().equal(table) else 3


def _aligned(part: Tensor) -> Tensor:
    return torch.nn.functional.pad(part, (0, -part.numel() % _ALIGNED))


# buffers are read once: what they hold is on the device, and asking it takes long
_READ: MutableMapping[Tensor, tuple[int, Packed]] = WeakIdKeyDictionary()


def read(buffer: Tensor) -> Packed:
    """The weight in a buffer of `repack`; its tensors are views. Raises ValueError for others."""
    version = 0 if buffer.is_inference() else buffer._version
    read_at, packed = _READ.get(buffer, (-1, None))
    if packed is None or read_at != version:
        packed = _parsed(buffer.detach())
        _READ[buffer] = version, packed
    return packed


def _parsed(buffer: Tensor) -> Packed:
    if buffer.numel() < _HEADER * 8 or buffer.dtype is not torch.uint8:
        raise ValueError("a weight that the gpu back end did not repack")
    magic, bits, *rest = buffer[: _HEADER * 8].cpu().view(torch.int64).tolist()
    if magic != _MAGIC:
        raise ValueError("a weight that the gpu back end did not repack")
    outputs, in_features, group, multiple, centre, half, scale_type, zero_type, table, sparse = (
        rest[:10]
    )
    layout = Layout(bits, outputs, in_features, group, bool(sparse))
    per_group = (layout.slots, layout.rows)
    parts = _Parts(buffer, _HEADER * 8)
    return Packed(
        layout,
        multiple,
        centre,
        0.5 if half else 1.0,
        words=parts.take(torch.int32, layout.words),
        scales=parts.take(_TYPES[scale_type], *per_group),
        zeros=parts.take(_TYPES[zero_type - 1], *per_group) if zero_type else None,
        table=parts.take(torch.float32, 1 << bits) if table else None,
        parts=max(1, table),
    )


@dataclass(slots=True)
class _Parts:
    """Cuts the parts of a buffer off, one behind the other."""

    buffer: Tensor
    begin: int

    def take(self, type: torch.dtype, *shape: int) -> Tensor:
        size = prod(shape) * type.itemsize
        part = self.buffer[self.begin : self.begin + size].view(type).view(shape)
        self.begin += size + -size % _ALIGNED
        return part
