"""Steps LSTM and GRU cells on integers, gates and cell in int16.

Arguments of gates are codes at scale GATE, what their functions give is at scale UNIT.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.fx.integer import polynomials
from qdsl.fx.integer.codes import ONE, STEPS, requantized, wide
from qdsl.fx.integer.rounding import Multiplier, divided, multiplier, shifted
from qdsl.fx.integer.tables import looked_up
from qdsl.ir.integer import GATE

Gate = Callable[[Tensor], Tensor]  # int16 codes at scale GATE → codes at scale UNIT, i64


@dataclass(frozen=True, slots=True)
class Gates:
    """The two functions of gates."""

    sigmoid: Gate
    tanh: Gate


def by_tables(sigmoid: Tensor, tanh: Tensor) -> Gates:
    """Tables u8 [256] of the argument GATE and the result UNIT."""
    return Gates(lambda q: looked_up(q, sigmoid).long(), lambda q: looked_up(q, tanh).long())


def by_polynomials(device: torch.device) -> Gates:
    """The polynomials."""
    step = torch.full((1,), GATE, dtype=torch.float32, device=device).double() / STEPS
    by = multiplier(step * polynomials.Q)
    return Gates(
        lambda q: polynomials.sigmoid(q, by).long(),
        lambda q: polynomials.tanh(q, by).long(),
    )


@dataclass(frozen=True, slots=True)
class Cell:
    """What an LSTM's cell needs: products f·c and i·g to codes of c, and c to an argument."""

    update: Multiplier  # [2]
    argument: Multiplier  # []


def lstm_step(gates: Tensor, c: Tensor, functions: Gates, cell: Cell) -> tuple[Tensor, Tensor]:
    """h at scale UNIT and c, int16 [B, H], from int16 gates [B, 4H] i, f, g, o and the last c."""
    i, f, g, o = gates.chunk(4, -1)
    kept, added = cell.update.mantissa.long().unbind(-1)
    old = functions.sigmoid(f) * c.long() * kept
    new = functions.sigmoid(i) * functions.tanh(g) * added
    c = wide(shifted(old + new, cell.update.shift.long()))
    squashed = functions.tanh(requantized(c, cell.argument))
    return wide(_over_one(functions.sigmoid(o) * squashed)), c


def gru_step(given: Tensor, recurrent: Tensor, h: Tensor, functions: Gates) -> Tensor:
    """The next h at scale UNIT, int16 [B, H], from products of input and h [B, 3H] r, z, n."""
    (r, z, n), (hr, hz, hn) = given.chunk(3, -1), recurrent.chunk(3, -1)
    reset = functions.sigmoid(wide(r.long() + hr.long()))
    new = functions.tanh(wide(n.long() + _over_one(reset * hn.long())))
    share = functions.sigmoid(wide(z.long() + hz.long()))
    return wide(new + _over_one(share * (h.long() - new)))


def _over_one(x: Tensor) -> Tensor:
    return divided(x, torch.full((), ONE, dtype=torch.int64, device=x.device))
