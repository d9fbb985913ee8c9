"""Products of many rows with weights of one scale a row: codes are unpacked once, torch multiplies.

Codes are exact in 16 bits, so nothing is lost that `products` keeps: scales come after the sums.
"""

import torch
from torch import Tensor

from qdsl_gpu.end import End
from qdsl_gpu.kernels.add_splits import KERNEL as ADD_SPLITS
from qdsl_gpu.kernels.end_int8 import KERNEL as END_INT8
from qdsl_gpu.kernels.unpack_words import KERNEL as UNPACK_WORDS
from qdsl_gpu.rows import Rounded, Rows, exponents
from qdsl_gpu.weights import Packed

FEWEST = 192  # rows, below which unpacking takes longer than it saves
_BLOCK = 256


def serves(weight: Packed, tokens: int) -> bool:
    """Whether so many rows are better multiplied here."""
    plain = weight.layout.span == 0 and weight.table is None and not weight.has_float_zero
    return plain and tokens >= FEWEST


def linear_float(rows: Rows, weight: Packed, tokens: int, y: Tensor, end: End) -> None:
    """Writes y [tokens, N]."""
    layout, values = weight.layout, rows.values.view(-1, rows.values.shape[-1])
    codes = _unpacked(weight, values.dtype)
    parts = _exact_product(values, codes)
    factor = 1.0 if layout.bits == 1 else weight.factor * weight.multiple
    ADD_SPLITS[-(-layout.outputs // _BLOCK), tokens](
        parts, weight.scales, y, *end.tensors(y), tokens, layout.outputs, rows.planes,
        layout.rows, SCALED=True, FACTOR=factor, BN=_BLOCK, **end.flags, enable_fp_fusion=False,
    )  # fmt: skip


def _exact_product(x: Tensor, w: Tensor) -> Tensor:
    """x · wᵀ in f32."""
    if x.is_cuda:
        return torch.mm(x, w.t(), out_dtype=torch.float32)
    return x.float() @ w.float().t()


def linear_int8(rows: Rounded, weight: Packed, sums: Tensor, y: Tensor, end: End) -> None:
    """Writes y [tokens, N]; the same numbers as for few rows. `sums` are `code_sums`, if needed."""
    layout, tokens = weight.layout, y.shape[0]
    parts = torch._int_mm(rows.codes[0], _unpacked(weight, torch.int8).t())
    END_INT8[-(-layout.outputs // _BLOCK), tokens](
        parts, rows.scales, rows.sums, rows.offset_or_sums, sums,
        weight.scales, weight.zeros_or(weight.scales), y, *end.tensors(y),
        tokens, layout.outputs, layout.rows, layout.rows,
        BITS=layout.bits, MULTIPLE=weight.multiple, CENTRE=weight.centre, FACTOR=weight.factor,
        ZERO=weight.zero_word, OFFSET=rows.offset is not None, BN=_BLOCK, **end.flags,
        enable_fp_fusion=False,
    )  # fmt: skip


def _unpacked(weight: Packed, dtype: torch.dtype) -> Tensor:
    """Codes [rows, columns] of a 16-bit float, less their centre, or of int8."""
    layout = weight.layout
    y = weight.words.new_empty(layout.rows, layout.columns, dtype=dtype)
    under = exponents(layout.bits, dtype, y.device)
    UNPACK_WORDS[layout.rows // 64, layout.steps](
        weight.words, under, weight.zeros_or(weight.scales), y, layout.steps, layout.columns,
        BITS=layout.bits, SPARSE=layout.sparse, CENTRE=weight.centre / weight.multiple,
        ZERO=weight.zero_word, BYTES=dtype is torch.int8,
    )  # fmt: skip
    return y
