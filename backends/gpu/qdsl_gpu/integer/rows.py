"""Launches operations on integers that look at a whole axis."""

import torch
from torch import Tensor

from qdsl_gpu.integer.elementwise import codes
from qdsl_gpu.kernel import Kernel
from qdsl_gpu.kernels.integer_layer_norm import KERNEL as LAYER_NORM
from qdsl_gpu.kernels.integer_reduce import KERNEL as REDUCE
from qdsl_gpu.kernels.integer_softmax import KERNEL as SOFTMAX

_TILE = 1024  # codes of a program
_LONGEST = 4096  # that a program holds at once


def _over_rows(kernel: Kernel, x: Tensor, y: Tensor, *between: Tensor, **constants: object) -> None:
    """Launches over rows of contiguous x and y, as many in a program as fill a tile."""
    n = x.shape[-1]
    whole = n <= _LONGEST
    block = max(16, 1 << (n - 1).bit_length()) if whole else _TILE * 2
    count, rows = x.numel() // n, max(1, _TILE // block)
    kernel[-(-count // rows),](
        x, *between, y, count, n, WHOLE=whole, ROWS=rows, BLOCK=block,
        num_warps=8 if block > _TILE else 4, enable_fp_fusion=False, **constants,
    )  # fmt: skip


def _softmax(x: Tensor, axis: int, table: Tensor, m: Tensor, e: Tensor, polynomial: bool) -> Tensor:
    codes(x)
    rows = x.movedim(axis, -1).contiguous()
    y = torch.empty_like(rows)
    if y.numel():
        _over_rows(SOFTMAX, rows, y, table, m, e, POLYNOMIAL=polynomial)
    return y.movedim(-1, axis).contiguous()


def softmax(x: Tensor, table: Tensor, axis: int) -> Tensor:
    return _softmax(x, axis, table, table, table, False)


def softmax_polynomial(x: Tensor, m: Tensor, e: Tensor, axis: int) -> Tensor:
    return _softmax(x, axis, m, m, e, True)


def layer_norm(x: Tensor, m: Tensor, e: Tensor, offset: Tensor, epsilon: Tensor) -> Tensor:
    """x [..., n] with constants [n]; raises ValueError where they are not as many."""
    codes(x)
    if {m.shape, e.shape, offset.shape} != {x.shape[-1:]}:
        raise ValueError("a constant has not a number for each channel")
    x = x.contiguous()
    y = torch.empty_like(x)
    if y.numel():
        constants = m.contiguous(), e.contiguous(), offset.contiguous()
        _over_rows(LAYER_NORM, x, y, *constants, epsilon)
    return y


def sum(x: Tensor, m: Tensor, e: Tensor, axis: int, keep: bool) -> Tensor:
    return _reduced(x, axis, keep, (m, e))


def mean(x: Tensor, axis: int, keep: bool) -> Tensor:
    return _reduced(x, axis, keep, None)


def _reduced(x: Tensor, axis: int, keep: bool, by: tuple[Tensor, Tensor] | None) -> Tensor:
    axis %= x.dim()
    y = _windows(x, axis, 1, x.shape[axis], 1, by)
    return y if keep else y.squeeze(axis)


def pool_mean(x: Tensor, axis: int, size: int, stride: int) -> Tensor:
    axis %= x.dim()
    return _windows(x, axis, (x.shape[axis] - size) // stride + 1, size, stride, None)


def _windows(
    x: Tensor, axis: int, windows: int, size: int, step: int, by: tuple[Tensor, Tensor] | None
) -> Tensor:
    """x with `windows` sums, or means, along the axis."""
    codes(x)
    x = x.contiguous()
    y = x.new_empty(*x.shape[:axis], windows, *x.shape[axis + 1 :])
    inner = x.shape[axis + 1 :].numel()
    outputs, terms = (256, 1) if inner > 1 or size <= 8 else (4, 256) if size <= 256 else (1, 1024)
    m, e = by or (x, x)
    if y.numel():
        REDUCE[-(-y.numel() // outputs),](
            x, m, e, y, y.numel(), x.shape[axis], inner, windows, size, step,
            MEAN=by is None, BO=outputs, BK=terms, enable_fp_fusion=False,
        )  # fmt: skip
    return y
