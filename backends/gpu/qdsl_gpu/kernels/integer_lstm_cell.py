"""Computes the cell of an LSTM on integers from its gates."""

import triton
import triton.language as tl

from qdsl_gpu.integer.functions import gate_sigmoid, gate_tanh
from qdsl_gpu.integer.rounding import ONE, divided, number, scaled, shifted, wide
from qdsl_gpu.kernel import Kernel, Variant


@triton.jit
def integer_lstm_cell(
    gates, c, h_next, c_next, sigmoids, tanhs, update, update_shift, argument, argument_shift,
    H, stride, POLYNOMIAL: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """gates i16 [B, 4H] in the order i, f, g, o, and c [B, H] → the next h and c, i16 [B, H].

    update i32 [2] takes the products f·c and i·g to codes of c, argument c to that of a gate. Rows
    of h are `stride` apart.
    """
    b = tl.program_id(0).to(tl.int64)
    j = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = j < H
    row = gates + b * 4 * H + j
    i = tl.load(row, mask=inside, other=0)
    f = tl.load(row + H, mask=inside, other=0)
    g = tl.load(row + 2 * H, mask=inside, other=0)
    o = tl.load(row + 3 * H, mask=inside, other=0)
    cell = tl.load(c + b * H + j, mask=inside, other=0).to(tl.int64)
    old = gate_sigmoid(f, sigmoids, POLYNOMIAL) * cell * number(update)
    new = gate_sigmoid(i, sigmoids, POLYNOMIAL) * gate_tanh(g, tanhs, POLYNOMIAL)
    cell = wide(shifted(old + new * number(update + 1), number(update_shift)))
    tl.store(c_next + b * H + j, cell, mask=inside)
    squashed = wide(scaled(cell.to(tl.int64), number(argument), number(argument_shift)))
    h = gate_sigmoid(o, sigmoids, POLYNOMIAL) * gate_tanh(squashed, tanhs, POLYNOMIAL)
    tl.store(h_next + b * stride + j, wide(divided(h, h * 0 + ONE)), mask=inside)


_TYPES = dict.fromkeys(("gates", "c", "h_next", "c_next"), "*i16")
_TYPES |= dict.fromkeys(("update", "update_shift", "argument", "argument_shift"), "*i32")
_TYPES |= {"sigmoids": "*u8", "tanhs": "*u8", "H": "i32", "stride": "i32"}


def _variant(name: str, polynomial: bool, **ones: int) -> Variant:
    constants = {"POLYNOMIAL": polynomial, "BLOCK": 256, **ones}
    return Variant(name, _TYPES, constants, multiples=("H", "stride"))


KERNEL = Kernel(
    integer_lstm_cell,
    (
        _variant("polynomials", True),
        _variant("ones", False, H=1, stride=1),
    ),
)
