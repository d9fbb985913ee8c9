"""Implements the operations of `qdsl::` on GPUs over packed weights.

With TRITON_INTERPRET=1 the same kernels run on processors, which is how they are tested where there
is no GPU.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from qdsl.target import FLOATS
from qdsl_gpu import products, values
from qdsl_gpu.convolutions import Geometry, grouped
from qdsl_gpu.devices import is_interpreted
from qdsl_gpu.end import End
from qdsl_gpu.integer.operations import INTEGERS
from qdsl_gpu.kernels.dequantize import KERNEL as DEQUANTIZE
from qdsl_gpu.kernels.lstm_cell import KERNEL as LSTM_CELL
from qdsl_gpu.layout import Layout
from qdsl_gpu.ranges import Range
from qdsl_gpu.weights import Packed, read

_BLOCK = 256  # columns that a program writes
_ROWS = 1 << 21
_REACH = (1 << 31) - 1


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
    """x f32, bf16 or f16 [..., K] → [..., out_features] of its type.

    Words f32 and bf16: float products that are exact, summed in f32. Others: integers. Raises
    ValueError for what is no word of activations.
    """
    packed = read(weight)
    rows = x.reshape(-1, packed.layout.in_features)
    end = End(
        bias, relu, None if residual is None else residual.reshape(-1, out_features).contiguous()
    )
    if not rows.numel() or not packed.layout.outputs:
        y = _nothing(rows, packed, end)
    else:
        given = None if activations in FLOATS else _scaling(x, activations, scale, zero)
        parts = [
            _product(
                rows[at], packed, activations, given[at] if isinstance(given, Tensor) else given,
                end.rows(at),
            )
            for at in _parts(rows.shape[0], packed.layout)
        ]  # fmt: skip
        y = parts[0] if len(parts) == 1 else torch.cat(parts)
    return y.view(*x.shape[:-1], packed.layout.outputs)


def _parts(count: int, layout: Layout) -> Iterator[slice]:
    """As many rows as a launch takes: grids are no longer, nor do offsets of 32 bits reach on."""
    most = min(_ROWS, _REACH // max(layout.columns, layout.rows))
    for begin in range(0, count, most):
        yield slice(begin, begin + most)


def _product(
    rows: Tensor, packed: Packed, activations: str, given: Tensor | Range | None, end: End
) -> Tensor:
    if activations in FLOATS:
        return products.linear_float(rows, packed, activations == "bf16", end)
    return products.linear_int8(rows, packed, given, end)


def _scaling(
    x: Tensor, activations: str, scale: Tensor | None, zero: Tensor | None
) -> Tensor | Range | None:
    """How `int8_rows` rounds x."""
    match activations:
        case "int8_token":
            return None
        case "int8_tensor":
            return _largest(x)
        case _:
            return Range.of(activations, scale, zero)


def _largest(x: Tensor) -> Tensor:
    """max|x| of the example of each row, f32 [rows]; the first axis counts examples."""
    each = x.abs().float()
    lead = each.shape[:-1]
    top = each.amax(tuple(range(1, x.dim())), keepdim=True) if x.dim() > 1 else each.amax()
    # of one example, rows are views of the same number
    return top.expand(*lead, 1).reshape(-1).contiguous() if x.dim() > 1 else top.view(1)


def _nothing(rows: Tensor, packed: Packed, end: End) -> Tensor:
    """The product of no rows, or sums of nothing."""
    y = rows.new_zeros(rows.shape[0], packed.layout.outputs)
    y = y if end.bias is None else y + end.bias
    y = torch.relu(y) if end.relu else y
    return y if end.residual is None else y + end.residual


def embedding(ids: Tensor, weight: Tensor, embedding_dim: int) -> Tensor:
    """Rows of the dequantized table, f32 [..., embedding_dim]; NaN for an id that is no row."""
    packed = read(weight)
    flat = ids.reshape(-1).contiguous()
    return _rows(packed, flat, flat.numel()).view(*ids.shape, packed.layout.in_features)


def dequantize(weight: Tensor, outputs: int, in_features: int) -> Tensor:
    """f32 [outputs, in_features]."""
    packed = read(weight)
    return _rows(packed, None, packed.layout.outputs)


def _rows(packed: Packed, ids: Tensor | None, count: int) -> Tensor:
    layout = packed.layout
    y = torch.empty(count, layout.in_features, dtype=torch.float32, device=packed.words.device)
    if not y.numel():
        return y
    DEQUANTIZE[count, -(-layout.in_features // _BLOCK)](
        packed.words if ids is None else ids, packed.words, packed.scales,
        packed.zeros_or(packed.scales),
        packed.scales if packed.table is None else packed.table, y,
        layout.outputs, layout.in_features, layout.rows, layout.steps, *layout.spacing,
        BITS=layout.bits, SPARSE=layout.sparse, MULTIPLE=packed.multiple, CENTRE=packed.centre,
        FACTOR=packed.factor, ZERO=packed.zero_word, TABLE=packed.table is not None,
        IDS=ids is not None, BLOCK=_BLOCK, enable_fp_fusion=False,
    )  # fmt: skip
    return y


def lstm(
    gates: Tensor,
    h0: Tensor,
    c0: Tensor,
    weight_hh: Tensor,
    weight_hr: Tensor | None,
    state: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """gates [T, B, 4H], h0 [B, P], c0 [B, H] → y [T, B, P], h, c; products as in `linear`."""
    h, c = h0.contiguous(), c0.contiguous()
    width, outputs = gates.shape[-1], []
    for given in gates.unbind(0):
        sums = linear(h, weight_hh, None, width, state, scale, zero, residual=given)
        h, last = torch.empty_like(c), c
        c = torch.empty_like(c)
        grid = (c.shape[0], -(-c.shape[1] // _BLOCK))
        LSTM_CELL[grid](sums, last, h, c, c.shape[1], BLOCK=_BLOCK, enable_fp_fusion=False)
        if weight_hr is not None:
            h = linear(h, weight_hr, None, h0.shape[1], state, scale, zero)
        outputs.append(h)
    y = torch.stack(outputs) if outputs else gates.new_empty((0, *h0.shape))
    return y, h.clone(), c.clone()


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    out_channels: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    activations: str,
    scale: Tensor | None = None,
    zero: Tensor | None = None,
) -> Tensor:
    """x f32 [B, spatial…, in] → [B, positions…, out_channels]; a token is what a position reads."""
    shape = Geometry.of(x, kernel, stride, padding, dilation)
    if groups == 1:
        return linear(shape.patches(x), weight, bias, out_channels, activations, scale, zero)
    return grouped(x, read(weight), bias, shape, groups, activations, scale, zero)


OPERATIONS: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "embedding": embedding,
    "dequantize": dequantize,
    "lstm": lstm,
    "conv": conv,
    "matmul": values.matmul,
    "round": values.round,
}


def register(library: torch.library.Library) -> None:
    """Makes these the implementations of the operations that `library` defines."""
    for name, function in {**OPERATIONS, **INTEGERS}.items():
        for device in ("CUDA", "CPU") if is_interpreted() else ("CUDA",):
            library.impl(name, function, device)  # type: ignore[no-untyped-call]
