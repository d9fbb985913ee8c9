"""Runs LSTM and GRU layers on integers."""

from collections.abc import Sequence

import torch
from torch import Tensor

from qdsl.fx.integer import gates
from qdsl.fx.integer.codes import narrow, requantized, wide
from qdsl.fx.integer.products import linear, terms
from qdsl.fx.integer.rounding import Multiplier, shifted

Several = Sequence[Tensor]


def lstm(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weights: Several,
    tables: Several,
    constants: Several,
    sizes: Sequence[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """x int16 [B, T, in], h [B, P], c [B, H] → y [B, T, P], h, c; `constants.lstm`'s constants.

    The gates' products of x and of h are rounded together, once. `sizes` are the group sizes of the
    centred weights ih, hh and hr.
    """
    bias, mantissa, shift, *rest = constants
    of_h, of_c, update, argument, *last = _pairs(rest)
    h, c = requantized(h, of_h), requantized(c, of_c)
    split = -(-weights[0].shape[1] // sizes[0])
    given = terms(narrow(x), weights[0], None, mantissa[:, :split], sizes[0])
    given = given + bias.long() * mantissa.long().amax(1)
    functions, cell = _functions(tables, x), gates.Cell(update, argument)
    outputs = []
    for step in given.unbind(1):
        own = terms(narrow(h), weights[1], None, mantissa[:, split:], sizes[1])
        h, c = gates.lstm_step(wide(shifted(step + own, shift[:, 0])), c, functions, cell)
        if last:
            h = linear(narrow(h), weights[2], None, last[0], sizes[2])
        outputs.append(h)
    return _stacked(outputs, x, h), h.clone(), c.clone()


def gru(
    x: Tensor,
    h: Tensor,
    weights: Several,
    tables: Several,
    constants: Several,
    sizes: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """x int16 [B, T, in], h [B, H] → y [B, T, H], h; `constants.gru`'s constants."""
    h = requantized(h, Multiplier(constants[0], constants[1]))
    of_x, of_h = constants[2:5], constants[5:8]
    given = linear(narrow(x), weights[0], of_x[0], Multiplier(*of_x[1:]), sizes[0])
    functions = _functions(tables, x)
    outputs = []
    for step in given.unbind(1):
        own = linear(narrow(h), weights[1], of_h[0], Multiplier(*of_h[1:]), sizes[1])
        h = gates.gru_step(step, own, h, functions)
        outputs.append(h)
    return _stacked(outputs, x, h), h.clone()


def _functions(tables: Several, like: Tensor) -> gates.Gates:
    return gates.by_tables(*tables) if tables else gates.by_polynomials(like.device)


def _pairs(tensors: Several) -> list[Multiplier]:
    return [Multiplier(*pair) for pair in zip(tensors[::2], tensors[1::2], strict=True)]


def _stacked(outputs: list[Tensor], x: Tensor, h: Tensor) -> Tensor:
    return torch.stack(outputs, 1) if outputs else h.new_empty((x.shape[0], 0, h.shape[1]))
