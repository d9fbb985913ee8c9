"""Defines what every kernel must compute: the operations `qdsl::` in plain torch, exactly.

Products of codes are summed as integers held in float64; the epilogue rounds each step to f32.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.library import Library

from qdsl.fx import activations as rounding
from qdsl.fx import products
from qdsl.fx.cell import lstm_cell
from qdsl.fx.numerics import dequantize as dequantized
from qdsl.fx.numerics import groups
from qdsl.fx.numerics.static import centred
from qdsl.fx.packed_convolution import convolution
from qdsl.fx.recurrence import packed_gru
from qdsl.fx.reference_weight import Weight, read, repack
from qdsl.ir.ranges import SIDES
from qdsl.target import (
    CODES,
    DYNAMIC,
    FLOATS,
    FUSED,
    INTEGER,
    REFERENCE,
    STATIC,
    Availability,
    CanonicalWeight,
    Capability,
)

# ---- the operations ----------------------------------------------------------------------------


def linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_features: int,
    activations: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
    relu: bool = False,
    residual: Tensor | None = None,
) -> Tensor:
    """x f32, bf16 or f16 [..., K] → [..., out_features] of its type, rounded once, at the end.

    f32, or x rounded to bf16: the sum in float64, rounded, plus bias. int8: with codes q_x and
    scale s of each row and acc_g = Σ q_x·(q - z) over group g: t += f32(acc_g)·s_g in ascending
    order, y = t·s + bias. In a static range q_x is q - z, and s its `scale` f32 [1].
    Then at least 0 where `relu`, then plus `residual`, of the shape of the result.
    """
    parts = read(weight)
    if activations in FLOATS:
        y = F.linear(_as_floats(x, activations), parts.exact.to(x.device)).float()
    else:
        y = _rounded_product(x, parts, activations, scale, zero)
    y = y if bias is None else y + bias
    y = torch.relu(y) if relu else y
    return (y if residual is None else y + residual).to(x.dtype)


def conv(x: Tensor, weight: Tensor, *given: Any) -> Tensor:
    """A convolution of x f32 [B, spatial…, in], channels last: `packed_convolution.convolution`."""
    return convolution(linear, x, weight, *given, grouped=_grouped)


def _grouped(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_features: int,
    groups: int,
    activations: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
) -> Tensor:
    """As `linear` of rows x f32 [..., groups·K], each group with its own outputs."""
    parts = read(weight)
    if activations in FLOATS:
        filters = parts.exact.to(x.device).view(groups, -1, parts.exact.shape[-1])
        own = _as_floats(x, activations).reshape(*x.shape[:-1], groups, filters.shape[-1])
        y = torch.einsum("...gk,gnk->...gn", own, filters).flatten(-2).float()
    else:
        y = _rounded_product(x, parts, activations, scale, zero, groups)
    return (y if bias is None else y + bias).to(x.dtype)


def embedding(ids: Tensor, weight: Tensor, embedding_dim: int) -> Tensor:
    """Rows of the dequantized table."""
    return F.embedding(ids, dequantize(weight, -1, embedding_dim))


def dequantize(weight: Tensor, outputs: int, in_features: int) -> Tensor:
    """f32 [outputs, in_features]: s·(q - z) or s·q - zs, each step rounded."""
    parts = read(weight)
    return dequantized(parts.decoded.quantized, parts.format, parts.decoded.mask).to(weight.device)


def lstm(
    gates: Tensor,
    h0: Tensor,
    c0: Tensor,
    weight_hh: Tensor,
    weight_hr: Tensor | None,
    state: str,
    *range: Tensor | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """gates [T, B, 4H], h0 [B, P], c0 [B, H] → y [T, B, P], h, c; products as in `linear`."""
    scale, zero = (*range, None, None)[:2]
    outputs, h, c = [], h0, c0
    for step in gates.unbind(0):
        h, c = lstm_cell(linear(h, weight_hh, None, -1, state, scale, zero) + step, c)
        if weight_hr is not None:
            h = linear(h, weight_hr, None, -1, state, scale, zero)
        outputs.append(h)
    y = torch.stack(outputs) if outputs else gates.new_empty((0, *h0.shape))
    return y, h.clone(), c.clone()


def gru(
    gates: Tensor,
    h0: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    state: str,
    *range: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """gates [T, B, 3H], h0 [B, H], bias [3H] → y [T, B, H], h; products as in `linear`."""
    return packed_gru(linear, gates, h0, weight_hh, bias, state, *range)


def matmul(x: Tensor, y: Tensor, equation: str, activations: str, *ranges: Tensor | None) -> Tensor:
    """The einsum of two tensors rounded to integers: `products.matmul`."""
    left_scale, left_zero, right_scale, right_zero = (*ranges, *[None] * 4)[:4]
    left, right = (left_scale, left_zero), (right_scale, right_zero)
    return products.matmul(equation, x, y, activations, left, right)


IMPLEMENTATIONS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "conv": conv,
    "embedding": embedding,
    "dequantize": dequantize,
    "lstm": lstm,
    "gru": gru,
    "matmul": matmul,
    "round": rounding.round_values,
}


def _as_floats(x: Tensor, activations: str) -> Tensor:
    """x in float64, as the word of `FLOATS` has it."""
    return (x if activations == "f32" else rounding.to_bf16(x)).double()


def _rounded_product(
    x: Tensor,
    weight: Weight,
    activations: str,
    scale: Tensor | None,
    zero: Tensor | None,
    parts: int = 1,
) -> Tensor:
    if scale is not None:
        codes = centred(x, scale, zero, rounding.code_range(activations))
        return _product(codes, weight, parts) * scale
    codes, scales = rounding.quantize(x, activations)
    return _product(codes, weight, parts) * scales


def _product(codes: Tensor, weight: Weight, parts: int = 1) -> Tensor:
    """t of `linear` for rows of integer codes [..., parts·K]: f32 [..., N].

    Each part of a row meets as many outputs.
    """
    w = groups.split(weight.centred.to(codes.device), weight.rows)
    outputs, count, width = w.shape
    x = groups.split(codes.reshape(-1, weight.centred.shape[1]).double(), weight.rows)
    x, w = x.view(-1, parts, count, width), w.view(parts, -1, count, width)
    scale = weight.decoded.quantized.scale.to(x.device).expand(outputs, count)
    zero = None if weight.floating is None else weight.floating.to(x.device).expand(outputs, count)
    total = x.new_zeros((x.shape[0], outputs), dtype=torch.float32)
    for g in range(count):
        sums = torch.einsum("rpk,pnk->rpn", x[:, :, g], w[:, :, g])
        term = sums.flatten(1).float() * scale[:, g]
        if zero is not None:
            own = x[:, :, g].sum(-1).float().repeat_interleave(outputs // parts, 1)
            term = term - own * zero[:, g]
        total = total + term
    return total.reshape(*codes.shape[:-1], outputs)


# ---- the back end ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reference:
    """The back end `reference`: every format, any device, no speed."""

    name: str = REFERENCE

    def availability(self) -> Availability:
        return Availability(True)

    def capabilities(self) -> tuple[Capability, ...]:
        integer, every = (*DYNAMIC, *STATIC), tuple(range(1, 9))
        words = {
            **dict.fromkeys(("linear", "conv", "lstm", "gru"), (*FLOATS, *integer)),
            FUSED: (*FLOATS, *integer),
            "embedding": ("f32",),
            "dequantize": ("f32",),
        }
        grids = ("integer", "ternary", "binary")
        values = tuple(SIDES)
        return (
            *(
                Capability(f"{operation}_reference", operation, grid, every, accepted)
                for operation, accepted in words.items()
                for grid in grids
            ),
            # values of a codebook are no integers, so a product has activations that are floats
            *(
                Capability(f"{o}_reference", o, "codebook", every, own[: len(FLOATS)])
                for o, own in words.items()
            ),
            *(
                Capability(f"{v}_reference", v, "integer", every, (rounding.BF16, *integer))
                for v in values
            ),
            *(
                Capability("integer_reference", f"integer_{layer}", grid, every, (CODES,))
                for layer in ("linear", "conv", "embedding", "lstm", "gru")
                for grid in grids
            ),
            Capability("integer_reference", INTEGER, "integer", (), (CODES,)),
        )

    def repack(self, weight: CanonicalWeight) -> Tensor:
        return repack(weight)

    def register(self, library: Library) -> None:
        """Nothing: the overload `reference` is always there."""


BACKEND = Reference()
