"""Runs the recurrence of an LSTM whose products round their activations, for training."""

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx.activations import fake_quantize

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
