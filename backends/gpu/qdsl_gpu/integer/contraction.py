"""Multiplies two tensors of codes as an equation says, as batches of products of matrices."""

from collections.abc import Sequence

from torch import Tensor

from qdsl_gpu.contraction import Contraction
from qdsl_gpu.integer.elementwise import codes
from qdsl_gpu.kernels.integer_einsum import KERNEL

_ROWS, _TERMS = 64, 64  # of a program, and of one step


def einsum(a: Tensor, b: Tensor, m: Tensor, e: Tensor, equation: str) -> Tensor:
    """Their int8 codes multiplied; sums below 2^31, as of 2^16 terms."""
    codes(a, b)
    c = Contraction.of(equation, a, b)
    y = a.new_zeros(c.shape(c.result))
    if not y.numel() or not c.count(c.summed):
        return y
    outer, inner = c.batch[:1], c.batch[1:]
    order = (outer, inner, c.rows, c.columns)
    try:
        to = _viewed(y, c, order)
    except RuntimeError:  # neighbours of one kind are not neighbours in the result
        to = y.new_empty([c.count(letters) for letters in order])
    left = c.ordered(a, c.left, (outer, inner, c.rows, c.summed))
    right = c.ordered(b, c.right, (outer, inner, c.columns, c.summed))
    _launch(left, right, m, e, to)
    if to.data_ptr() == y.data_ptr():
        return y
    letters = "".join(order)
    return to.view(c.shape(letters)).permute([letters.index(x) for x in c.result]).contiguous()


def _viewed(y: Tensor, c: Contraction, order: Sequence[str]) -> Tensor:
    """y as [outer, inner, rows, columns]; raises RuntimeError where no strides say that."""
    permuted = y.permute([c.result.index(x) for x in "".join(order)])
    return permuted.view([c.count(letters) for letters in order])


def _launch(a: Tensor, b: Tensor, m: Tensor, e: Tensor, y: Tensor) -> None:
    if y.shape[2] < y.shape[3]:
        # a matrix instruction has at least 64 rows, but may have few columns
        a, b, y = b, a, y.transpose(2, 3)
    outer, inner, rows, columns = y.shape
    few = next((n for n in (16, 32) if columns <= n), 64)
    # only the first axis of a grid is long
    KERNEL[outer * inner, -(-rows // _ROWS), -(-columns // few)](
        a, b, m, e, y, inner, rows, columns, a.shape[-1],
        *a.stride(), *b.stride(), *y.stride(), BM=_ROWS, BN=few, BK=_TERMS,
        enable_fp_fusion=False,
    )  # fmt: skip
