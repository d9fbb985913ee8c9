"""Defines what every kernel must compute: the operations `qdsl::` in plain torch, exactly.

Products of codes are summed as integers held in float64; the epilogue rounds each step to f32.
"""

import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.library import Library
from torch.utils.weak import WeakIdKeyDictionary

from qdsl.artifact import codec
from qdsl.fx import activations as rounding
from qdsl.fx.canonical import Decoded, decode
from qdsl.fx.cell import lstm_cell
from qdsl.fx.numerics import dequantize as dequantized
from qdsl.fx.numerics import groups
from qdsl.fx.recurrence import packed_gru
from qdsl.fx.version import version
from qdsl.ir.format import (
    FloatZero,
    Grouping,
    IntegerGrid,
    Levels,
    PerChannel,
    PerTensor,
    WeightFormat,
)
from qdsl.target import Availability, CanonicalWeight, Capability

_MAGIC = b"qdsl-ref"
_PARTS = ("codes", "scales", "zeros", "index")
_DTYPES = {str(t): t for t in (torch.uint8, torch.float32, torch.float16, torch.bfloat16)}


# ---- the buffer --------------------------------------------------------------------------------


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
class _Weight:
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
        """q - z, q + ½ or q in float64 [N, K]; 0 where pruned."""
        parts, mask, grid = self.decoded.quantized, self.decoded.mask, self.format.grid
        codes = parts.codes.double()
        if isinstance(grid, IntegerGrid) and grid.levels is Levels.HALF:
            codes = codes + 0.5
        elif parts.zero is not None and self.floating is None:
            codes = codes - self.spread(parts.zero)
        return codes if mask is None else torch.where(mask, codes, 0.0)

    @cached_property
    def exact(self) -> Tensor:
        """The weight in float64 [N, K]: a scale of 24 bits times a code of 9 is exact."""
        product = self.centred * self.spread(self.decoded.quantized.scale)
        return product if self.floating is None else product - self.spread(self.floating)

    def spread(self, table: Tensor) -> Tensor:
        """Scales or zeros [R, G] over the matrix, float64 [N, K]."""
        codes = self.decoded.quantized.codes
        width = groups.split(codes[:1], self.rows).shape[-1]
        return table.double().repeat_interleave(width, 1)[:, : codes.shape[1]].expand(codes.shape)


# buffers are read once: a recurrence uses the same one at every step
_READ: MutableMapping[Tensor, tuple[int, _Weight]] = WeakIdKeyDictionary()


def _read(buffer: Tensor) -> _Weight:
    read_at, weight = _READ.get(buffer, (-1, None))
    if weight is None or read_at != version(buffer):
        weight = _parsed(buffer)
        _READ[buffer] = version(buffer), weight
    return weight


def _parsed(buffer: Tensor) -> _Weight:
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
    return _Weight(format, decode(CanonicalWeight(format, outputs, in_features, **tensors)))


# ---- the operations ----------------------------------------------------------------------------


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, out_features: int, activations: str
) -> Tensor:
    """x f32 [..., K] → f32 [..., out_features].

    f32: the sum in float64, rounded, plus bias. int8: with codes q_x and scale s of each row and
    acc_g = Σ q_x·(q - z) over group g: t += f32(acc_g)·s_g in ascending order, y = t·s + bias.
    """
    read = _read(weight)
    if activations == "f32":
        y = F.linear(x.double(), read.exact.to(x.device)).float()
    else:
        codes, scale = rounding.quantize(x, activations)
        y = _product(codes, read) * scale
    return y if bias is None else y + bias


def embedding(ids: Tensor, weight: Tensor, embedding_dim: int) -> Tensor:
    """Rows of the dequantized table."""
    return F.embedding(ids, dequantize(weight, -1, embedding_dim))


def dequantize(weight: Tensor, outputs: int, in_features: int) -> Tensor:
    """f32 [outputs, in_features]: s·(q - z) or s·q - zs, each step rounded."""
    read = _read(weight)
    return dequantized(read.decoded.quantized, read.format, read.decoded.mask).to(weight.device)


def lstm(
    gates: Tensor,
    h0: Tensor,
    c0: Tensor,
    weight_hh: Tensor,
    weight_hr: Tensor | None,
    state: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """gates [T, B, 4H], h0 [B, P], c0 [B, H] → y [T, B, P], h, c; products as in `linear`."""
    outputs, h, c = [], h0, c0
    for step in gates.unbind(0):
        h, c = lstm_cell(linear(h, weight_hh, None, -1, state) + step, c)
        if weight_hr is not None:
            h = linear(h, weight_hr, None, -1, state)
        outputs.append(h)
    y = torch.stack(outputs) if outputs else gates.new_empty((0, *h0.shape))
    return y, h.clone(), c.clone()


def gru(
    gates: Tensor, h0: Tensor, weight_hh: Tensor, bias: Tensor, state: str
) -> tuple[Tensor, Tensor]:
    """gates [T, B, 3H], h0 [B, H], bias [3H] → y [T, B, H], h; products as in `linear`."""
    return packed_gru(linear, gates, h0, weight_hh, bias, state)


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "embedding": embedding,
    "dequantize": dequantize,
    "lstm": lstm,
    "gru": gru,
}


def _product(codes: Tensor, read: _Weight) -> Tensor:
    """t of `linear` for rows of integer codes [..., K]: f32 [..., N]."""
    x = groups.split(codes.reshape(-1, codes.shape[-1]).double(), read.rows)
    w = groups.split(read.centred.to(x.device), read.rows)
    outputs, count, _ = w.shape
    scale = read.decoded.quantized.scale.to(x.device).expand(outputs, count)
    zero = None if read.floating is None else read.floating.to(x.device).expand(outputs, count)
    total = x.new_zeros((x.shape[0], outputs), dtype=torch.float32)
    for g in range(count):
        term = (x[:, g] @ w[:, g].T).float() * scale[:, g]
        if zero is not None:
            term = term - x[:, g].sum(-1, keepdim=True).float() * zero[:, g]
        total = total + term
    return total.reshape(*codes.shape[:-1], outputs)


# ---- the back end ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reference:
    """The back end `reference`: every format, any device, no speed."""

    name: str = "reference"

    def availability(self) -> Availability:
        return Availability(True)

    def capabilities(self) -> tuple[Capability, ...]:
        integer, every = ("int8_token", "int8_tensor"), tuple(range(1, 9))
        words = {
            "linear": ("f32", *integer),
            "lstm": ("f32", *integer),
            "embedding": ("f32",),
            "dequantize": ("f32",),
        }
        grids = ("integer", "ternary", "binary")
        return tuple(
            Capability(f"{operation}_reference", operation, grid, every, accepted)
            for operation, accepted in words.items()
            for grid in grids
        )

    def repack(self, weight: CanonicalWeight) -> Tensor:
        return repack(weight)

    def register(self, library: Library) -> None:
        """Nothing: the overload `reference` is always there."""


BACKEND = Reference()
