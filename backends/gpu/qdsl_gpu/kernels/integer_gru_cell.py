"""Computes the cell of a GRU on integers from the products of its input and of its state."""

import triton
import triton.language as tl

from qdsl_gpu.integer.functions import gate_sigmoid, gate_tanh
from qdsl_gpu.integer.rounding import ONE, divided, wide
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def _over_one(x):
    return divided(x, x * 0 + ONE)


@triton.jit
def _both(given, own, inside):
    """Codes of the two products, i64."""
    first = tl.load(given, mask=inside, other=0).to(tl.int64)
    second = tl.load(own, mask=inside, other=0).to(tl.int64)
    return first, second


@triton.jit
def integer_gru_cell(
    given, own, h, h_next, sigmoids, tanhs, H, given_stride, stride, next_stride,
    POLYNOMIAL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """given and own i16 [B, 3H] in the order r, z, n, and h [B, H] → the next h, i16 [B, H].

    Rows of given, of h and of the next h have strides.
    """
    b = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < H
    x, s = given + b * given_stride + j, own + b * 3 * H + j
    r, hr = _both(x, s, inside)
    z, hz = _both(x + H, s + H, inside)
    n, hn = _both(x + 2 * H, s + 2 * H, inside)
    last = tl.load(h + b * stride + j, mask=inside, other=0).to(tl.int64)
    reset = gate_sigmoid(wide(r + hr), sigmoids, POLYNOMIAL)
    new = gate_tanh(wide(n + _over_one(reset * hn)), tanhs, POLYNOMIAL)
    share = gate_sigmoid(wide(z + hz), sigmoids, POLYNOMIAL)
    value = wide(new + _over_one(share * (last - new)))
    tl.store(h_next + b * next_stride + j, value, mask=inside)


_TYPES = dict.fromkeys(("given", "own", "h", "h_next"), "*i16")
_TYPES |= {"sigmoids": "*u8", "tanhs": "*u8"}
_SIZES = ("H", "given_stride", "stride", "next_stride")


def _variant(name: str, polynomial: bool, **ones: int) -> Variant:
    constants = {"POLYNOMIAL": polynomial, "BLOCK": 256, **ones}
    return Variant(name, _TYPES | dict.fromkeys(_SIZES, "i32"), constants, multiples=_SIZES)


KERNEL = Kernel(
    integer_gru_cell,
    (
        _variant("polynomials", True),
        _variant("ones", False, **dict.fromkeys(_SIZES, 1)),
    ),
)
