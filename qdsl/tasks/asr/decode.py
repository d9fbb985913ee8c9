"""Decodes a transducer greedily through its entries `encode`, `step` and `join`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from qdsl.tasks.asr.tokens import BLANK

MAX_SYMBOLS = 4


class Recognizer(Protocol):
    """What a model must offer; `predict` equals `step` run from zeros over [blank, *labels]."""

    def encode(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """f32[B, T, bins], i64[B] to frames f32[B, S, d] and their number i64[B]."""

    def predict(self, labels: Tensor) -> Tensor:
        """i64[B, U] to states f32[B, U + 1, d]."""

    def step(self, labels: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """i64[B, 1] and f32[B, ...] twice, to f32[B, 1, d] and the next two."""

    def join(self, frames: Tensor, states: Tensor) -> Tensor:
        """f32[B, S, d] and f32[B, P, d] to logits f32[B, S, P, V]."""


@dataclass(slots=True)
class Hypothesis:
    """The ids found, and for each decision how far the chosen logit lay above the next."""

    ids: list[int] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)


def greedy(
    model: Recognizer,
    audio: Tensor,
    lengths: Tensor,
    *,
    state: Sequence[int],
    max_symbols: int = MAX_SYMBOLS,
) -> list[list[int]]:
    """The ids of each utterance: best symbol at each frame, the next frame after a blank.

    audio f32[B, T, bins], lengths i64[B]; `state` is the shape of `h` and `c` without the batch.
    At most `max_symbols` ids come from one frame.
    """
    found = hypotheses(model, audio, lengths, state=state, max_symbols=max_symbols)
    return [hypothesis.ids for hypothesis in found]


@torch.no_grad()
def hypotheses(
    model: Recognizer,
    audio: Tensor,
    lengths: Tensor,
    *,
    state: Sequence[int],
    max_symbols: int = MAX_SYMBOLS,
    margins: bool = False,
) -> list[Hypothesis]:
    """As `greedy`, with the margin of every decision where `margins` asks for them.

    Until an id is emitted the prediction network stands still, so the frames up to the next
    emission are joined in one call: there are U + 1 rounds, not one for each frame.
    """
    frames, ends = model.encode(audio, lengths)
    batch = len(frames)
    found = [Hypothesis() for _ in range(batch)]
    h, c = frames.new_zeros(batch, *state), frames.new_zeros(batch, *state)
    states, h, c = model.step(torch.full((batch, 1), BLANK), h, c)
    at, emitted = torch.zeros_like(ends), torch.zeros_like(ends)
    while True:
        start = int(at.min())
        logits = model.join(frames[:, start:], states)[:, :, 0]
        stop, symbols = _next(logits.argmax(-1), at - start, ends - start)
        stop = stop + start
        emitting = stop < ends
        if margins:
            _record(found, logits, at - start, torch.minimum(stop + 1, ends) - start)
        for row in emitting.nonzero()[:, 0].tolist():
            found[row].ids.append(int(symbols[row]))
        if not emitting.any():
            return found
        emitted = torch.where(stop == at, emitted, 0) + 1
        full = emitting & (emitted >= max_symbols)
        at, emitted = torch.where(full, stop + 1, stop), torch.where(full, 0, emitted)
        if bool((at >= ends).all()):
            return found
        moved = model.step(symbols, h, c)
        states, h, c = (
            torch.where(_like(emitting, new), new, old)
            for new, old in zip(moved, (states, h, c), strict=True)
        )


def _next(best: Tensor, at: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """The first frame i64[B] from `at` on that emits, `ends` where none does, and the symbol
    i64[B, 1] that it emits; best i64[B, S] are the best symbols of all frames."""
    numbers = torch.arange(best.shape[1])
    emits = (numbers >= at[:, None]) & (numbers < ends[:, None]) & (best != BLANK)
    stop = torch.where(emits.any(1), emits.int().argmax(1), ends)
    return stop, best.gather(1, stop.clamp(max=best.shape[1] - 1)[:, None])


def _like(flags: Tensor, values: Tensor) -> Tensor:
    return flags.reshape(-1, *(1,) * (values.dim() - 1))


def _record(found: list[Hypothesis], logits: Tensor, begin: Tensor, end: Tensor) -> None:
    top = logits.topk(2, dim=-1).values
    gaps = top[..., 0] - top[..., 1]
    for row, hypothesis in enumerate(found):
        hypothesis.margins += gaps[row, int(begin[row]) : int(end[row])].tolist()
