"""Holds a weight in the buffer of the reference back end, and reads it: codes, scales, values."""

import json
from collections.abc import MutableMapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.weak import WeakIdKeyDictionary

from qdsl.artifact import codec
from qdsl.fx.canonical import Decoded, decode
from qdsl.fx.numerics import Quantized, groups
from qdsl.fx.numerics.codebook import values_of
from qdsl.fx.version import version
from qdsl.ir.format import (
    CodebookGrid,
    FloatZero,
    Grouping,
    IntegerGrid,
    Levels,
    PerChannel,
    PerTensor,
    WeightFormat,
)
from qdsl.target import CanonicalWeight

_MAGIC = b"qdsl-ref"
_PARTS = ("codes", "scales", "zeros", "index", "codebook")
_DTYPES = {str(t): t for t in (torch.uint8, torch.float32, torch.float16, torch.bfloat16)}


def repack(weight: CanonicalWeight) -> Tensor:
    """The canonical bytes behind a header of JSON that describes them, u8 [bytes]."""
    tensors = {n: getattr(weight, n) for n in _PARTS if getattr(weight, n) is not None}
    header = json.dumps(
        {
            "format": codec.encode(weight.format),
            "outputs": weight.outputs,
            "in_features": weight.in_features,
            "tensors": {n: [str(t.dtype), list(t.shape)] for n, t in tensors.items()},
        }
    ).encode()
    start = _MAGIC + len(header).to_bytes(8, "little") + header
    parts = [torch.from_numpy(np.frombuffer(start, np.uint8).copy())]
    parts += [t.contiguous().view(torch.uint8).flatten() for t in tensors.values()]
    return torch.cat(parts)


@dataclass(frozen=True)
class Weight:
    """A buffer that was read; what follows from it is computed once."""

    format: WeightFormat
    decoded: Decoded

    @cached_property
    def rows(self) -> Grouping:
        """Groups within a row: one scale for all is one scale a row, the same in each."""
        grouping = self.format.grouping
        return PerChannel() if isinstance(grouping, PerTensor) else grouping

    @cached_property
    def floating(self) -> Tensor | None:
        """Float zeros [R, G]."""
        return self.decoded.quantized.zero if isinstance(self.format.zero, FloatZero) else None

    @cached_property
    def centred(self) -> Tensor:
        """q - z, q + ½, q or the value of q in float64 [N, K]; 0 where pruned."""
        parts, mask, grid = self.decoded.quantized, self.decoded.mask, self.format.grid
        if isinstance(grid, CodebookGrid):
            values = values_of(grid, parts.codebook, parts.codes)
            codes = values.double()[parts.codes.long()]
        else:
            codes = parts.codes.double()
        if isinstance(grid, IntegerGrid) and grid.levels is Levels.HALF:
            codes = codes + 0.5
        elif parts.zero is not None and self.floating is None:
            codes = codes - self.spread(parts.zero)
        return codes if mask is None else torch.where(mask, codes, 0.0)

    @cached_property
    def exact(self) -> Tensor:
        """The weight in float64 [N, K]: a scale of 24 bits times a code of 9, or f32, is exact."""
        product = self.centred * self.spread(self.decoded.quantized.scale)
        return product if self.floating is None else product - self.spread(self.floating)

    def spread(self, table: Tensor) -> Tensor:
        """Scales or zeros [R, G] over the matrix, float64 [N, K]."""
        codes = self.decoded.quantized.codes
        width = groups.split(codes[:1], self.rows).shape[-1]
        return table.double().repeat_interleave(width, 1)[:, : codes.shape[1]].expand(codes.shape)


# buffers are read once: a recurrence uses the same one at every step
_READ: MutableMapping[Tensor, tuple[int, Weight]] = WeakIdKeyDictionary()


def read(buffer: Tensor) -> Weight:
    read_at, weight = _READ.get(buffer, (-1, None))
    if weight is None or read_at != version(buffer):
        weight = _parsed(buffer)
        _READ[buffer] = version(buffer), weight
    return weight


def centred_codes(quantized: Quantized, mask: Tensor | None, format: WeightFormat) -> Tensor:
    """q - z in float64 [N, K], 0 where pruned."""
    return Weight(format, Decoded(quantized, mask)).centred


def _parsed(buffer: Tensor) -> Weight:
    data = buffer.cpu()
    if bytes(data[:8].tolist()) != _MAGIC:
        raise ValueError("a weight that the reference back end did not repack")
    begin = 16 + int.from_bytes(bytes(data[8:16].tolist()), "little")
    header = json.loads(bytes(data[16:begin].tolist()))
    tensors: dict[str, Any] = dict.fromkeys(_PARTS)
    for name, (dtype, shape) in header["tensors"].items():
        size = prod(shape) * _DTYPES[dtype].itemsize
        # a copy, because a view needs its own alignment
        tensors[name] = data[begin : begin + size].clone().view(_DTYPES[dtype]).view(shape)
        begin += size
    format = codec.decode(WeightFormat, header["format"])
    outputs, in_features = header["outputs"], header["in_features"]
    return Weight(format, decode(CanonicalWeight(format, outputs, in_features, **tensors)))
