"""Defines what every kernel must compute: the operations `qdsl::` in plain torch, exactly.

Products of codes are summed as integers held in float64; the epilogue rounds each step to f32.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.library import Library

from qdsl.artifact import codec
from qdsl.fx import activations as rounding
from qdsl.fx.canonical import Decoded, decode
from qdsl.fx.cell import lstm_cell
from qdsl.fx.numerics import dequantize as dequantized
from qdsl.fx.numerics import groups
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


@dataclass(frozen=True, slots=True)
class _Weight:
    format: WeightFormat
    decoded: Decoded


def _read(buffer: Tensor) -> _Weight:
    data = buffer.cpu()
    if bytes(data[:8].tolist()) != _MAGIC:
        raise ValueError("a weight that the reference back end did not repack")
    begin = 16 + int.from_bytes(bytes(data[8:16].tolist()), "little")
    header = json.loads(bytes(data[16:begin].tolist()))
    tensors: dict[str, Tensor | None] = dict.fromkeys(_PARTS)
    for name, (dtype, shape) in header["tensors"].items():
        size = int(np.prod(shape)) * _DTYPES[dtype].itemsize
        # a copy, because a view needs its own alignment
        tensors[name] = data[begin : begin + size].clone().view(_DTYPES[dtype]).view(shape)
        begin += size
    weight = CanonicalWeight(
        format=codec.decode(WeightFormat, header["format"]),
        outputs=header["outputs"],
        in_features=header["in_features"],
        **tensors,  # type: ignore[arg-type]
    )
    return _Weight(weight.format, decode(weight))


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
        y = F.linear(x.double(), _exact(read)).float()
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


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "embedding": embedding,
    "dequantize": dequantize,
    "lstm": lstm,
}


def _exact(read: _Weight) -> Tensor:
    """The weight in float64: a scale of 24 bits times a code of 9 is exact."""
    parts = read.decoded.quantized
    centred = _centred(read) * _rows(parts.scale, read).double()
    if isinstance(read.format.zero, FloatZero) and parts.zero is not None:
        centred = centred - _rows(parts.zero, read).double()
    return centred


def _centred(read: _Weight) -> Tensor:
    """q - z, q + ½ or q in float64 [N, K]; 0 where pruned."""
    parts, mask = read.decoded.quantized, read.decoded.mask
    codes, grid = parts.codes.double(), read.format.grid
    if isinstance(grid, IntegerGrid) and grid.levels is Levels.HALF:
        codes = codes + 0.5
    elif parts.zero is not None and not isinstance(read.format.zero, FloatZero):
        codes = codes - _rows(parts.zero, read).double()
    return codes if mask is None else torch.where(mask, codes, 0.0)


def _product(codes: Tensor, read: _Weight) -> Tensor:
    """t of `linear` for rows of integer codes [..., K]: f32 [..., N]."""
    parts, grouping = read.decoded.quantized, _row_grouping(read.format.grouping)
    x = groups.split(codes.reshape(-1, codes.shape[-1]).double(), grouping)
    w = groups.split(_centred(read), grouping)
    scale = parts.scale.expand(w.shape[0], w.shape[1])
    floating = isinstance(read.format.zero, FloatZero) and parts.zero is not None
    total = x.new_zeros((x.shape[0], w.shape[0]), dtype=torch.float32)
    for g in range(w.shape[1]):
        term = (x[:, g] @ w[:, g].T).float() * scale[:, g]
        if floating and parts.zero is not None:
            zero = parts.zero.expand(w.shape[0], w.shape[1])[:, g]
            term = term - x[:, g].sum(-1, keepdim=True).float() * zero
        total = total + term
    return total.reshape(*codes.shape[:-1], w.shape[0])


def _row_grouping(grouping: Grouping) -> Grouping:
    """One scale for all is one scale a row, the same in each."""
    return PerChannel() if isinstance(grouping, PerTensor) else grouping


def _rows(table: Tensor, read: _Weight) -> Tensor:
    """Scales or zeros [R, G] spread over the matrix [N, K]."""
    codes = read.decoded.quantized.codes
    width = groups.split(codes[:1], _row_grouping(read.format.grouping)).shape[-1]
    spread = table.repeat_interleave(width, 1)[:, : codes.shape[1]]
    return spread.expand(codes.shape)


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
