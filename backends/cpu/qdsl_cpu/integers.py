"""Implements the operations of integer arithmetic on processors: int16 codes in and out.

Results are contiguous, and equal to the bit to those of `qdsl::integer_*.reference`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import Tensor

from qdsl_cpu import _native

Operation = Callable[..., Any]

_INT16: Final = torch.int16
_INT32: Final = torch.int32
_UNARY: Final = {"requantize": 0, "table": 1, "sigmoid": 2, "tanh": 3, "silu": 4, "gelu": 5}
_BINARY: Final = {"add": 0, "multiply": 1, "divide": 2, "glu": 3, "glu_polynomial": 4}
_ROWS: Final = {"softmax": 0, "softmax_polynomial": 1, "layer_norm": 2, "scale_and_shift": 3}


# ---- of one value ------------------------------------------------------------------------------


def requantize(x: Tensor, mantissa: Tensor, shift: Tensor) -> Tensor:
    """Codes in another scale."""
    return _unary("requantize", x, by=(mantissa, shift))


def table(x: Tensor, table: Tensor) -> Tensor:
    """A function's 256 entries and the lines between them."""
    return _unary("table", x, table=table)


def sigmoid(x: Tensor, mantissa: Tensor, shift: Tensor) -> Tensor:
    """By polynomials, as the three behind it."""
    return _unary("sigmoid", x, argument=(mantissa, shift))


def tanh(x: Tensor, mantissa: Tensor, shift: Tensor) -> Tensor:
    return _unary("tanh", x, argument=(mantissa, shift))


def silu(x: Tensor, mantissa: Tensor, shift: Tensor, m_y: Tensor, e_y: Tensor) -> Tensor:
    return _unary("silu", x, argument=(mantissa, shift), by=(m_y, e_y))


def gelu(x: Tensor, mantissa: Tensor, shift: Tensor, m_y: Tensor, e_y: Tensor) -> Tensor:
    return _unary("gelu", x, argument=(mantissa, shift), by=(m_y, e_y))


def from_integers(x: Tensor, mantissa: Tensor, shift: Tensor) -> Tensor:
    """Codes of i64."""
    x = x.contiguous()
    y = torch.empty(x.shape, dtype=_INT16)
    constants = _constants(by=(mantissa, shift))
    _native.integer_from_integers(x.data_ptr(), x.numel(), constants, y.data_ptr())
    return y


# ---- of two values -----------------------------------------------------------------------------


def add(a: Tensor, b: Tensor, mantissa: Tensor, shift: Tensor, sign: int) -> Tensor:
    """a + sign · b with broadcasting, as the two behind it."""
    return _binary("add", a, b, by=(mantissa, shift), number=sign)


def multiply(a: Tensor, b: Tensor, mantissa: Tensor, shift: Tensor) -> Tensor:
    return _binary("multiply", a, b, by=(mantissa, shift))


def divide(a: Tensor, b: Tensor, mantissa: Tensor, shift: Tensor) -> Tensor:
    return _binary("divide", a, b, by=(mantissa, shift))


def glu(x: Tensor, table: Tensor, mantissa: Tensor, shift: Tensor, axis: int) -> Tensor:
    """The first half of an axis times the sigmoid of the second."""
    return _binary("glu", *x.chunk(2, axis), table=table, by=(mantissa, shift))


def glu_polynomial(x: Tensor, m: Tensor, e: Tensor, m_x: Tensor, e_x: Tensor, axis: int) -> Tensor:
    return _binary("glu_polynomial", *x.chunk(2, axis), by=(m, e), argument=(m_x, e_x))


# ---- of rows -----------------------------------------------------------------------------------


def softmax(x: Tensor, table: Tensor, axis: int) -> Tensor:
    """Shares along an axis."""
    return _along(axis, "softmax", x, table=table)


def softmax_polynomial(x: Tensor, mantissa: Tensor, shift: Tensor, axis: int) -> Tensor:
    return _along(axis, "softmax_polynomial", x, argument=(mantissa, shift))


def layer_norm(
    x: Tensor, mantissa: Tensor, shift: Tensor, offset: Tensor, epsilon: Tensor
) -> Tensor:
    """Over the last axis."""
    channels = _channels(x, mantissa, shift, offset)
    return _rows("layer_norm", x, **channels, number=int(epsilon))


def scale_and_shift(x: Tensor, mantissa: Tensor, shift: Tensor, offset: Tensor) -> Tensor:
    """Each channel of the last axis by its own number."""
    return _rows("scale_and_shift", x, **_channels(x, mantissa, shift, offset))


# ---- along an axis -----------------------------------------------------------------------------


def sum(x: Tensor, mantissa: Tensor, shift: Tensor, axis: int, keep: bool) -> Tensor:
    """The sum over an axis."""
    y = _reduced(x, axis, x.shape[axis], 1, by=(mantissa, shift))
    return y if keep else y.squeeze(axis)


def mean(x: Tensor, axis: int, keep: bool) -> Tensor:
    """The mean over an axis."""
    y = _reduced(x, axis, x.shape[axis], 1)
    return y if keep else y.squeeze(axis)


def pool_mean(x: Tensor, axis: int, size: int, stride: int) -> Tensor:
    """Means of windows of an axis."""
    return _reduced(x, axis, size, stride)


OPERATIONS: Mapping[str, Operation] = {
    f.__name__: f
    for f in (
        *(requantize, table, sigmoid, tanh, silu, gelu, from_integers),
        *(add, multiply, divide, glu, glu_polynomial),
        *(softmax, softmax_polynomial, layer_norm, scale_and_shift),
        *(sum, mean, pool_mean),
    )
}
"""By name behind `qdsl::integer_`. `from_truth` is torch's own product of int16."""


# ---- parts -------------------------------------------------------------------------------------

_Pair = tuple[Tensor, Tensor]
_Constants = tuple[int, int, int, int, int, int, int]


def _unary(name: str, x: Tensor, **constants: Any) -> Tensor:
    x = codes(x).contiguous()
    y = torch.empty(x.shape, dtype=_INT16)
    given = _constants(**constants)
    _native.integer_unary(_UNARY[name], x.data_ptr(), x.numel(), given, y.data_ptr())
    return y


def _binary(name: str, a: Tensor, b: Tensor, **constants: Any) -> Tensor:
    a, b = torch.broadcast_tensors(codes(a), codes(b))  # type: ignore[no-untyped-call]
    y = torch.empty(a.shape, dtype=_INT16)
    first, second = (a.data_ptr(), a.stride()), (b.data_ptr(), b.stride())
    given = _constants(**constants)
    _native.integer_binary(_BINARY[name], a.shape, *first, *second, given, y.data_ptr())
    return y


def _rows(name: str, x: Tensor, **constants: Any) -> Tensor:
    x = codes(x).contiguous()
    y = torch.empty(x.shape, dtype=_INT16)
    n = x.shape[-1]
    rows, given = x.numel() // max(n, 1), _constants(**constants)
    _native.integer_rows(_ROWS[name], x.data_ptr(), rows, n, given, y.data_ptr())
    return y


def _channels(x: Tensor, mantissa: Tensor, shift: Tensor, offset: Tensor) -> dict[str, Any]:
    for constant in (mantissa, shift, offset):
        if constant.shape != x.shape[-1:]:
            raise ValueError(f"{list(constant.shape)} constants for codes {list(x.shape)}")
    return {"by": (mantissa, shift), "offset": offset}


def _along(axis: int, name: str, x: Tensor, **constants: Any) -> Tensor:
    """`_rows` of another axis."""
    if axis in (-1, x.dim() - 1):
        return _rows(name, x, **constants)
    return _rows(name, x.movedim(axis, -1), **constants).movedim(-1, axis).contiguous()


def _reduced(x: Tensor, axis: int, size: int, stride: int, **constants: Any) -> Tensor:
    """Sums times a number, or means, of windows of an axis, which is kept."""
    x = codes(x).contiguous()
    axis %= x.dim()
    n = x.shape[axis]
    count = (n - size) // stride + 1
    y = torch.empty((*x.shape[:axis], count, *x.shape[axis + 1 :]), dtype=_INT16)
    outer, inner = x.shape[:axis].numel(), x.shape[axis + 1 :].numel()
    windows, given = (n, inner, size, stride, count), _constants(**constants)
    _native.integer_reduce(x.data_ptr(), outer, windows, given, y.data_ptr())
    return y


def _constants(
    by: _Pair | None = None,
    argument: _Pair | None = None,
    table: Tensor | None = None,
    offset: Tensor | None = None,
    number: int = 0,
) -> _Constants:
    return (
        *_addresses(by),
        *_addresses(argument),
        0 if table is None else table.data_ptr(),
        0 if offset is None else address(offset),
        number,
    )


def _addresses(pair: _Pair | None) -> tuple[int, int]:
    return (address(pair[0]), address(pair[1])) if pair else (0, 0)


def address(constant: Tensor) -> int:
    """Of the data of an int32 tensor; ValueError for another."""
    if constant.dtype is not _INT32 or not constant.is_contiguous():
        raise ValueError("a constant is a contiguous int32 tensor")
    return constant.data_ptr()


def codes(x: Tensor) -> Tensor:
    """The same tensor; ValueError where it is not int16."""
    if x.dtype is not _INT16:
        raise ValueError(f"codes are int16, not {x.dtype}")
    return x
