"""Runs recurrences step by step: with rounded states for training, of a GRU when packed."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from qdsl.fx.activations import fake_quantize
from qdsl.fx.cell import gru_cell
from qdsl.fx.observer import Observer
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
    *,
    observer: Observer | None = None,
    rounds: bool = True,
    word: str = STATE,
) -> tuple[Tensor, Tensor, Tensor]:
    """x [B, T, in], h [B, out], c [B, hidden] → y [B, T, out], h, c.

    The inputs of the recurrent product and of the projection are rounded, as `word` says or in the
    one range of the observer; x is as it shall be used. Without `rounds` they are only observed.
    """
    if x.shape[1] == 0:
        return x.new_empty((x.shape[0], 0, h.shape[-1])), h, c
    outputs, state = [], _States(observer, rounds, word)
    for given in F.linear(x, weight_ih, bias).unbind(1):
        gates = given + F.linear(state(h), weight_hh)
        i, f, g, o = gates.chunk(4, -1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        if weight_hr is not None:
            h = F.linear(state(h), weight_hr)
        outputs.append(h)
    state.end()
    return torch.stack(outputs, 1), h, c


def rounded_gru(
    x: Tensor,
    h: Tensor,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    bias_hn: Tensor,
    *,
    observer: Observer | None = None,
    rounds: bool = True,
    word: str = STATE,
) -> tuple[Tensor, Tensor]:
    """x [B, T, in], h [B, hidden] → y [B, T, hidden], h; h is rounded for its product."""
    if x.shape[1] == 0:
        return x.new_empty((x.shape[0], 0, h.shape[-1])), h
    outputs, bias_hh = [], recurrent_bias(bias_hn)
    state = _States(observer, rounds, word)
    for given in F.linear(x, weight_ih, bias).unbind(1):
        recurrent = F.linear(state(h), weight_hh, bias_hh)
        (r, z, n), (hr, hz, hn) = given.chunk(3, -1), recurrent.chunk(3, -1)
        n = (n + (r + hr).sigmoid() * hn).tanh()
        h = n + (z + hz).sigmoid() * (h - n)
        outputs.append(h)
    state.end()
    return torch.stack(outputs, 1), h


class _States:
    """Rounds the states of one call; an observer sees them together when it ends."""

    def __init__(self, observer: Observer | None, rounds: bool, word: str) -> None:
        self._observer, self._word = observer, word
        self._observes = observer is not None and observer.observing
        self._seen: list[Tensor] = []
        self._round = self._rounder(rounds)

    def _rounder(self, rounds: bool) -> Callable[[Tensor], Tensor]:
        if not rounds:
            return lambda h: h
        if self._observer is None:
            return partial(fake_quantize, activations=self._word)
        return self._observer.rounder()

    def __call__(self, h: Tensor) -> Tensor:
        if self._observes:
            self._seen.append(h.detach().flatten())
        return self._round(h)

    def end(self) -> None:
        if self._seen and self._observer is not None:
            self._observer.observe(torch.cat(self._seen))


def packed_gru(
    linear: Callable[..., Tensor],
    gates: Tensor,
    h0: Tensor,
    weight_hh: Tensor,
    bias: Tensor,
    state: str,
    *range: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """gates [T, B, 3H], h0 [B, H], bias [3H] → y [T, B, H], h; `linear` is that of `qdsl::`.

    `range` is scale and zero of a static one.
    """
    outputs, h = [], h0
    for given in gates.unbind(0):
        h = gru_cell(given, linear(h, weight_hh, bias, bias.shape[0], state, *range), h)
        outputs.append(h)
    y = torch.stack(outputs) if outputs else gates.new_empty((0, *h0.shape))
    return y, h.clone()
