"""Products of floats by torch whose terms are exact and whose sums are f32."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

_HALVES = (torch.bfloat16, torch.float16)


def product(x: Tensor, y: Tensor) -> Tensor:
    """x · yᵀ in f32, of x [B, R, K] and y [B, C, K], or of matrices without B."""
    multiply = torch.mm if x.dim() == 2 else torch.bmm
    if x.is_cuda and x.dtype in _HALVES and _gives_f32():
        return multiply(x, y.mT, out_dtype=torch.float32)
    with _full_precision():
        return multiply(x.float(), y.float().mT)


def _gives_f32() -> bool:
    """Whether this torch sums 16-bit floats to f32: of CUDA from 2.8 on."""
    return torch.version.hip is None and hasattr(torch.ops.aten.mm, "dtype")


@contextmanager
def _full_precision() -> Iterator[None]:
    """Products of f32 are those of f32, whatever torch was told: no tf32."""
    before = torch.get_float32_matmul_precision()
    if before == "highest":
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
