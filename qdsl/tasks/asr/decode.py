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
    batch, steps = frames.shape[:2]
    found = [Hypothesis() for _ in range(batch)]
    h, c = frames.new_zeros(batch, *state), frames.new_zeros(batch, *state)
    states, h, c = model.step(torch.full((batch, 1), BLANK), h, c)
    at, emitted = torch.zeros(batch, dtype=torch.int64), torch.zeros(batch, dtype=torch.int64)
    numbers = torch.arange(steps)
    while bool((at < ends).any()):
        first = int(at.min())
        logits = model.join(frames[:, first:], states)[:, :, 0]
        best = logits.argmax(-1)
        open_ = (numbers[first:] >= at[:, None]) & (numbers[first:] < ends[:, None])
        emits = open_ & (best != BLANK)
        emitting = emits.any(1)
        stop = torch.where(emitting, first + emits.int().argmax(1), ends)
        if margins:
            _record(found, logits, at - first, torch.minimum(stop + 1, ends) - first)
        symbols = best.gather(1, (stop - first).clamp(max=best.shape[1] - 1)[:, None])
        for row in emitting.nonzero()[:, 0].tolist():
            found[row].ids.append(int(symbols[row]))
        emitted = torch.where(stop == at, emitted, 0) + 1
        at = torch.where(emitting & (emitted >= max_symbols), stop + 1, stop)
        emitted = torch.where(at == stop, emitted, 0)
        if not emitting.any():
            break
        moved = model.step(symbols, h, c)
        states, h, c = (
            torch.where(_like(emitting, new), new, old)
            for new, old in zip(moved, (states, h, c), strict=True)
        )
    return found


def _like(flags: Tensor, values: Tensor) -> Tensor:
    return flags.reshape(-1, *(1,) * (values.dim() - 1))


def _record(found: list[Hypothesis], logits: Tensor, begin: Tensor, end: Tensor) -> None:
    top = logits.topk(2, dim=-1).values
    gaps = top[..., 0] - top[..., 1]
    for row, hypothesis in enumerate(found):
        hypothesis.margins += gaps[row, int(begin[row]) : int(end[row])].tolist()
