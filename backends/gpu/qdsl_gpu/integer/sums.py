"""Makes codes of sums of products inside kernels: multipliers of groups, the bias, rounding."""

import triton
import triton.language as tl

from qdsl_gpu.integer.rounding import shifted, wide


@triton.jit
def multiplier_of(mantissa, n, known, group, PER_ROW):
    """i64 mantissas of a group of rows n; 0 of those that are none."""
    return tl.load(mantissa + n * PER_ROW + group, mask=known, other=0).to(tl.int64)


@triton.jit
def bias_of(bias, mantissa, n, known, per_row):
    """The bias of rows n, i64, in units of the largest multiplier of each."""
    most = multiplier_of(mantissa, n, known, 0, per_row)
    for group in range(1, per_row):
        most = tl.maximum(most, multiplier_of(mantissa, n, known, group, per_row))
    return tl.load(bias + n, mask=known, other=0).to(tl.int64) * most


@triton.jit
def codes_of(total, shift, n, known):
    """int16 codes of sums i64 [rows n, tokens]."""
    return wide(shifted(total, tl.load(shift + n, mask=known, other=0).to(tl.int64)[:, None]))
