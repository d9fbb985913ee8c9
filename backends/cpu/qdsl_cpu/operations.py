"""Implements the operations of `qdsl::` on processors over packed weights."""

from typing import Final

import torch
from torch import Tensor

from qdsl_cpu import _native

_ACTIVATIONS: Final = {"f32": 0, "int8_token": 1, "int8_tensor": 2}
_FLOAT32: Final = torch.float32
_UINT8: Final = torch.uint8
_STATES: Final = {"f32": 0, "int8_token": 1}


def linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, out_features: int, activations: str
) -> Tensor:
    """Float32 [..., out_features] = x [..., in_features] @ weight^T + bias [out_features].

    weight: what `repack` returned. activations: "f32", or int8 with a dynamic scale per row
    ("int8_token") or per example, an entry of the first dimension ("int8_tensor"). Raises
    ValueError where shapes or dtypes do not fit and KeyError for unknown activations.
    """
    x = _float32(x, "x")
    *leading, in_features = x.shape
    y = x.new_empty(*leading, out_features)
    bias_address = 0
    if bias is not None:
        bias = _float32(bias, "bias")
        if bias.numel() != out_features:
            raise ValueError(f"a bias of {bias.numel()} elements for {out_features} outputs")
        bias_address = bias.data_ptr()
    rows = y.numel() // out_features if out_features else 0
    examples = leading[0] if leading and activations == "int8_tensor" else 1
    _native.linear(
        x.data_ptr(),
        examples,
        rows // examples if examples else 0,
        in_features,
        weight.data_ptr(),
        _size(weight),
        bias_address,
        y.data_ptr(),
        out_features,
        _ACTIVATIONS[activations],
    )
    return y


def embedding(ids: Tensor, weight: Tensor, embedding_dim: int) -> Tensor:
    """Float32 [..., embedding_dim]: the rows `ids` (integers) of the packed table.

    Raises IndexError for a row that is not in the table.
    """
    ids = ids.to(torch.int64).contiguous()
    out = torch.empty((*ids.shape, embedding_dim))
    _native.embedding(
        ids.data_ptr(),
        ids.numel(),
        weight.data_ptr(),
        _size(weight),
        embedding_dim,
        out.data_ptr(),
    )
    return out


def dequantize(weight: Tensor, outputs: int, in_features: int) -> Tensor:
    """Float32 [outputs, in_features]: the numbers that the packed weight stands for."""
    out = torch.empty(outputs, in_features)
    _native.dequantize(weight.data_ptr(), _size(weight), outputs, in_features, out.data_ptr())
    return out


def lstm(
    gates: Tensor,
    h0: Tensor,
    c0: Tensor,
    weight_hh: Tensor,
    weight_hr: Tensor | None,
    state: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """The recurrence of an LSTM layer: outputs [T, B, P], last h [B, P], last c [B, H].

    gates: float32 [T, B, 4H], the input's share with its bias, in the order i, f, g, o.
    h0, c0: float32 [B, P] and [B, H]. weight_hh: packed [4H, P]. weight_hr: packed [P, H], the
    projection of h, or None where P = H. state: activations of both products, "f32" or
    "int8_token". A step computes exactly what `linear` does per step.
    """
    gates = _float32(gates, "gates")
    time, batch, four_hidden = gates.shape
    hidden = four_hidden // 4
    h = _float32(h0, "h0").clone()
    c = _float32(c0, "c0").clone()
    if h.dim() != 2 or h.shape[0] != batch or c.shape != (batch, hidden) or four_hidden % 4:
        raise ValueError(
            f"states of shapes {list(h.shape)}, {list(c.shape)} for gates {list(gates.shape)}"
        )
    size = h.shape[1]
    outputs = torch.empty(time, batch, size)
    _native.lstm(
        gates.data_ptr(),
        time,
        batch,
        hidden,
        h.data_ptr(),
        c.data_ptr(),
        size,
        weight_hh.data_ptr(),
        _size(weight_hh),
        0 if weight_hr is None else weight_hr.data_ptr(),
        0 if weight_hr is None else _size(weight_hr),
        outputs.data_ptr(),
        _STATES[state],
    )
    return outputs, h, c


def register(library: torch.library.Library) -> None:
    """Makes these the implementations of the operations that `library` defines."""
    for function in (linear, embedding, dequantize, lstm):
        library.impl(function.__name__, function, "CPU")  # type: ignore[no-untyped-call]


def _float32(tensor: Tensor, name: str) -> Tensor:
    if tensor.dtype is not _FLOAT32:
        raise ValueError(f"`{name}` is {tensor.dtype}, not float32")
    return tensor.contiguous()


def _size(weight: Tensor) -> int:
    if weight.dtype is not _UINT8 or not weight.is_contiguous():
        raise ValueError("a packed weight is a contiguous uint8 tensor")
    return weight.numel()
