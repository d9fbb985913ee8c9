"""Implements the products of integer arithmetic on processors: over packed weights, and of tensors.

As in `qdsl_cpu.integers`, codes are int16 and results contiguous.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import torch
from torch import Tensor

from qdsl_cpu import _native
from qdsl_cpu.integers import address, codes

_INT16: Final = torch.int16
_NOTHING: Final = (0, 0, 0)


def linear(
    x: Tensor, weight: Tensor, bias: Tensor, mantissa: Tensor, shift: Tensor, size: int
) -> Tensor:
    """int16 [..., outputs] of x [..., in_features]; mantissa [outputs, groups] of `size`."""
    x = codes(x).contiguous()
    *leading, in_features = x.shape
    outputs = bias.shape[0]
    y = torch.empty((*leading, outputs), dtype=_INT16)
    rows = torch.Size(leading).numel()
    packed, by = _packed(weight, outputs, in_features), _by(mantissa, shift, outputs)
    _native.integer_linear(x.data_ptr(), rows, packed, address(bias), by, y.data_ptr())
    return y


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    mantissa: Tensor,
    shift: Tensor,
    size: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """x [B, spatial…, in] → [B, positions…, outputs]; padding is before and after of each axis."""
    x = codes(x).contiguous()
    batch, *spatial, channels = x.shape
    before, behind = padding[::2], padding[1::2]
    positions = [
        (size + a + b - (k - 1) * d - 1) // s + 1
        for size, a, b, k, s, d in zip(
            spatial, before, behind, kernel, stride, dilation, strict=True
        )
    ]
    outputs = bias.shape[0]
    y = torch.empty((batch, *positions, outputs), dtype=_INT16)
    axes = zip(spatial, positions, kernel, stride, before, dilation, strict=True)
    sizes = [batch, channels, groups, *(n for axis in axes for n in axis)]
    in_features = torch.Size(kernel).numel() * (channels // groups)
    packed, by = _packed(weight, outputs, in_features), _by(mantissa, shift, outputs)
    _native.integer_conv(x.data_ptr(), sizes, packed, address(bias), by, y.data_ptr())
    return y


def embedding(
    ids: Tensor, weight: Tensor, mantissa: Tensor, shift: Tensor, size: int, width: int
) -> Tensor:
    """int16 [..., width]: the rows `ids` (integers) of the packed table.

    Raises IndexError for a row that is not in the table.
    """
    ids = ids.to(torch.int64).contiguous()
    y = torch.empty((*ids.shape, width), dtype=_INT16)
    rows = mantissa.shape[0]
    packed, by = _packed(weight, rows, width), _by(mantissa, shift, rows)
    _native.integer_embedding(ids.data_ptr(), ids.numel(), packed, by, y.data_ptr())
    return y


def einsum(a: Tensor, b: Tensor, mantissa: Tensor, shift: Tensor, equation: str) -> Tensor:
    """The product of two tensors."""
    equation = equation.replace(" ", "")
    terms, result = equation.split("->")
    named = zip("".join(terms.split(",")), (*codes(a).shape, *codes(b).shape), strict=True)
    sizes = dict(named)
    y = torch.empty([sizes[letter] for letter in result], dtype=_INT16)
    first, second = ((t.data_ptr(), t.shape, t.stride()) for t in (a, b))
    by = address(mantissa), address(shift)
    _native.integer_einsum(equation, *first, *second, by, y.data_ptr())
    return y


def lstm(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weights: Sequence[Tensor],
    tables: Sequence[Tensor],
    constants: Sequence[Tensor],
    sizes: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """x [B, T, in], h [B, P], c [B, H] → y [B, T, P], h, c; weights ih, hh and of a projection hr.

    constants: bias; mantissa and shift of the gates, of h and c as they are given, of the cell's
    update, of its argument, and of a projection.
    """
    bias, mantissa, shift, *rest = constants
    requantize = torch.ops.qdsl.integer_requantize.default
    x, h, c = codes(x).contiguous(), requantize(h, *rest[:2]), requantize(c, *rest[2:4])
    (batch, time, in_features), (state, hidden) = x.shape, (h.shape[1], c.shape[1])
    y = torch.empty((batch, time, state), dtype=_INT16)
    width = 4 * hidden
    projection = _packed(weights[2], state, hidden) if len(weights) == 3 else None
    if projection is None and state != hidden:
        raise ValueError("without a projection the state has the size of the cell")
    _states(x, h, c)
    _native.integer_lstm(
        (batch, time),
        x.data_ptr(),
        y.data_ptr(),
        h.data_ptr(),
        c.data_ptr(),
        _packed(weights[0], width, in_features),
        _packed(weights[1], width, state),
        projection,
        address(bias),
        _by(mantissa, shift, width),
        _by(rest[8], rest[9], state) if projection else _NOTHING,
        _tables(tables),
        (address(rest[4]), address(rest[5])),
        (address(rest[6]), address(rest[7])),
    )
    return y, h, c


def gru(
    x: Tensor,
    h: Tensor,
    weights: Sequence[Tensor],
    tables: Sequence[Tensor],
    constants: Sequence[Tensor],
    sizes: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """x [B, T, in], h [B, H] → y [B, T, H], h.

    constants: mantissa and shift of h as it is given; bias, mantissa and shift of both products.
    """
    x, h = codes(x).contiguous(), torch.ops.qdsl.integer_requantize.default(h, *constants[:2])
    (batch, time, in_features), hidden = x.shape, h.shape[1]
    y = torch.empty((batch, time, hidden), dtype=_INT16)
    width = 3 * hidden
    _states(x, h)
    _native.integer_gru(
        (batch, time),
        x.data_ptr(),
        y.data_ptr(),
        h.data_ptr(),
        _packed(weights[0], width, in_features),
        _packed(weights[1], width, hidden),
        address(constants[2]),
        address(constants[5]),
        _by(constants[3], constants[4], width),
        _by(constants[6], constants[7], width),
        _tables(tables),
    )
    return y, h


OPERATIONS: Mapping[str, Callable[..., Any]] = {
    f.__name__: f for f in (linear, conv, embedding, einsum, lstm, gru)
}
"""By name behind `qdsl::integer_`."""


# ---- parts -------------------------------------------------------------------------------------


def _packed(weight: Tensor, outputs: int, in_features: int) -> tuple[int, int, int, int]:
    if weight.dtype is not torch.uint8 or not weight.is_contiguous():
        raise ValueError("a packed weight is a contiguous uint8 tensor")
    return weight.data_ptr(), weight.numel(), outputs, in_features


def _by(mantissa: Tensor, shift: Tensor, outputs: int) -> tuple[int, int, int]:
    if mantissa.shape[0] != outputs or shift.shape != (outputs, 1):
        shapes = f"{list(mantissa.shape)}, {list(shift.shape)}"
        raise ValueError(f"multipliers {shapes} for {outputs} outputs")
    return address(mantissa), address(shift), mantissa.shape[1]


def _tables(tables: Sequence[Tensor]) -> tuple[int, int]:
    """Those of sigmoid and tanh, or none where they are polynomials."""
    first, second = (t.data_ptr() for t in tables) if tables else (0, 0)
    return first, second


def _states(x: Tensor, *states: Tensor) -> None:
    if any(s.shape[0] != x.shape[0] for s in states):
        raise ValueError("states are of another batch than the sequence")
