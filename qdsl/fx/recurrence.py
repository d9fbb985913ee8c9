"""Runs recurrences step by step: with rounded states for training, of a GRU when packed."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx.activations import fake_quantize
from qdsl.fx.cell import gru_cell
from qdsl.fx.operations import recurrent_bias

STATE = "int8_token"  # a state has one row per example: per token and per tensor are the same


def rounded_lstm(
    x: Tensor,
    h: Tensor,
    c: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    weight_hr: Tensor | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """x [B, T, in], h [B, out], c [B, hidden] → y [B, T, out], h, c.

    The inputs of the recurrent product and of the projection are rounded to int8; x is as it shall
    be used.
    """
    outputs = []
    for given in F.linear(x, weight_ih, bias).unbind(1):
        gates = given + F.linear(fake_quantize(h, STATE), weight_hh)
        i, f, g, o = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        if weight_hr is not None:
            h = F.linear(fake_quantize(h, STATE), weight_hr)
        outputs.append(h)
    return torch.stack(outputs, 1), h, c


def rounded_gru(
    x: Tensor, h: Tensor, weight_ih: Tensor, weight_hh: Tensor, bias: Tensor, bias_hn: Tensor
) -> tuple[Tensor, Tensor]:
    """x [B, T, in], h [B, hidden] → y [B, T, hidden], h; h is rounded to int8 for its product."""
    outputs, bias_hh = [], recurrent_bias(bias_hn)
    for given in F.linear(x, weight_ih, bias).unbind(1):
        recurrent = F.linear(fake_quantize(h, STATE), weight_hh, bias_hh)
        (r, z, n), (hr, hz, hn) = given.chunk(3, -1), recurrent.chunk(3, -1)
        n = (n + (r + hr).sigmoid() * hn).tanh()
        h = n + (z + hz).sigmoid() * (h - n)
        outputs.append(h)
    return torch.stack(outputs, 1), h


def packed_gru(
    linear: Callable[..., Tensor],
    gates: Tensor,
    h0: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    state: str,
) -> tuple[Tensor, Tensor]:
    """gates [T, B, 3H], h0 [B, H], bias [3H] → y [T, B, H], h; `linear` is that of `qdsl::`."""
    outputs, h = [], h0
    for given in gates.unbind(0):
        h = gru_cell(given, linear(h, weight_hh, bias, bias.shape[0], state), h)
        outputs.append(h)
    y = torch.stack(outputs) if outputs else gates.new_empty((0, *h0.shape))
    return y, h.clone()
