"""Launches operations on integers that compute each element by itself."""

import torch
from torch import Tensor

from qdsl_gpu.integer.axes import walk
from qdsl_gpu.kernels.integer_elementwise import KERNEL

_BLOCK = 1024


def codes(*tensors: Tensor) -> None:
    """Raises ValueError unless all are int16."""
    for x in tensors:
        if x.dtype is not torch.int16:
            raise ValueError(f"codes are int16, not {x.dtype}")


def _run(
    function: str,
    operands: tuple[Tensor, ...],
    constants: tuple[Tensor, ...] = (),
    table: Tensor | None = None,
    dtype: torch.dtype = torch.int16,
    sign: int = 1,
) -> Tensor:
    """`constants` are mantissa, shift and, of some, a second pair or an offset."""
    shape = torch.broadcast_shapes(*(x.shape for x in operands))  # type: ignore[no-untyped-call]
    y = operands[0].new_empty(shape, dtype=dtype)
    if not y.numel():
        return y
    way = walk(shape, operands)
    a, b = way.operands[0], way.operands[-1]
    m, e, last_m, last_e = (*constants, *(a,) * (4 - len(constants)))
    KERNEL[-(-y.numel() // _BLOCK),](
        a, b, a if table is None else table, m, e, last_m, last_e, last_m, y, y.numel(),
        *way.sizes[1:], *way.strides[0], *way.strides[-1],
        FUNCTION=function, SIGN=sign, AXES=way.axes, BLOCK=_BLOCK, enable_fp_fusion=False,
    )  # fmt: skip
    return y


def quantize(x: Tensor, scale: Tensor) -> Tensor:
    """int16 codes of f32; raises ValueError for other types."""
    if x.dtype is not torch.float32:
        raise ValueError(f"values are float32, not {x.dtype}")
    return _run("quantize", (x,), (scale,))


def dequantize(x: Tensor, scale: Tensor) -> Tensor:
    codes(x)
    return _run("dequantize", (x,), (scale,), dtype=torch.float32)


def requantize(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    codes(x)
    return _run("requantize", (x,), (m, e))


def from_integers(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    """Of any integers."""
    return _run("from_integers", (x,), (m, e))


def from_truth(x: Tensor) -> Tensor:
    return _run("from_truth", (x.view(torch.uint8),))


def table(x: Tensor, table: Tensor) -> Tensor:
    codes(x)
    return _run("table", (x,), table=table)


def sigmoid(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    codes(x)
    return _run("sigmoid", (x,), (m, e))


def tanh(x: Tensor, m: Tensor, e: Tensor) -> Tensor:
    codes(x)
    return _run("tanh", (x,), (m, e))


def silu(x: Tensor, m: Tensor, e: Tensor, m_y: Tensor, e_y: Tensor) -> Tensor:
    codes(x)
    return _run("silu", (x,), (m, e, m_y, e_y))


def gelu(x: Tensor, m: Tensor, e: Tensor, m_y: Tensor, e_y: Tensor) -> Tensor:
    codes(x)
    return _run("gelu", (x,), (m, e, m_y, e_y))


def scale_and_shift(x: Tensor, m: Tensor, e: Tensor, offset: Tensor) -> Tensor:
    """x [..., C] with constants [C]; raises ValueError where they are not as many."""
    codes(x)
    channels = x.shape[-1]
    if {m.shape, e.shape, offset.shape} != {(channels,)}:
        raise ValueError("a constant has not a number for each channel")
    x, y = x.contiguous(), torch.empty_like(x, memory_format=torch.contiguous_format)
    if y.numel():
        KERNEL[-(-y.numel() // _BLOCK),](
            x, x, x, m.contiguous(), e.contiguous(), m, e, offset.contiguous(), y, y.numel(),
            1, channels, 0, 0, 1, 0, 0, 1,
            FUNCTION="scale_and_shift", SIGN=1, AXES=1, BLOCK=_BLOCK, enable_fp_fusion=False,
        )  # fmt: skip
    return y


def add(a: Tensor, b: Tensor, m: Tensor, e: Tensor, sign: int) -> Tensor:
    """m [2]."""
    codes(a, b)
    return _run("add", (a, b), (m.contiguous(), e), sign=sign)


def multiply(a: Tensor, b: Tensor, m: Tensor, e: Tensor) -> Tensor:
    codes(a, b)
    return _run("multiply", (a, b), (m, e))


def divide(a: Tensor, b: Tensor, m: Tensor, e: Tensor) -> Tensor:
    codes(a, b)
    return _run("divide", (a, b), (m, e))


def glu(x: Tensor, table: Tensor, m: Tensor, e: Tensor, axis: int) -> Tensor:
    codes(x)
    return _run("glu", x.chunk(2, axis), (m, e), table)


def glu_polynomial(x: Tensor, m: Tensor, e: Tensor, m_x: Tensor, e_x: Tensor, axis: int) -> Tensor:
    codes(x)
    return _run("glu_polynomial", x.chunk(2, axis), (m, e, m_x, e_x))
