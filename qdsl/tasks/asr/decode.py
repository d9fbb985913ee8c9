"""Decodes a transducer greedily: the best symbol at each frame, the next frame after a blank."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from qdsl.tasks.asr.entries import Prediction
from qdsl.tasks.asr.predictor import Cursor, Predictor, Recognizer
from qdsl.tasks.asr.tokens import BLANK

MAX_SYMBOLS = 4


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
    prediction: Prediction,
    max_symbols: int = MAX_SYMBOLS,
) -> list[list[int]]:
    """The ids of each utterance; audio f32[B, T, bins], lengths i64[B].

    `prediction` says how the model is asked for the next state (`prediction_of`). At most
    `max_symbols` ids come from one frame.
    """
    found = hypotheses(model, audio, lengths, prediction=prediction, max_symbols=max_symbols)
    return [hypothesis.ids for hypothesis in found]


@torch.no_grad()
def hypotheses(
    model: Recognizer,
    audio: Tensor,
    lengths: Tensor,
    *,
    prediction: Prediction,
    max_symbols: int = MAX_SYMBOLS,
    margins: bool = False,
) -> list[Hypothesis]:
    """As `greedy`, with the margin of every decision where `margins` asks for them."""
    frames, ends = model.encode(audio, lengths)
    predictor = Predictor(model, prediction)
    found = [Hypothesis() for _ in frames]
    cursor = predictor.start(len(frames), frames.device)
    follow(predictor, cursor, frames, ends, found, max_symbols=max_symbols, margins=margins)
    return found


def follow(
    predictor: Predictor,
    cursor: Cursor,
    frames: Tensor,
    ends: Tensor,
    found: list[Hypothesis],
    *,
    max_symbols: int = MAX_SYMBOLS,
    margins: bool = False,
) -> Cursor:
    """Goes through frames f32[B, S, d], of which ends i64[B] count; adds to what was found.

    Until an id is emitted the prediction network stands still, so the frames up to the next
    emission are joined in one call: there are U + 1 rounds, not one for each frame.
    """
    at, emitted = torch.zeros_like(ends), torch.zeros_like(ends)
    while bool((at < ends).any()):
        start = int(at.min())
        logits = predictor.model.join(frames[:, start:], cursor.output)[:, :, 0]
        stop, symbols = _next(logits.argmax(-1), at - start, ends - start)
        stop = stop + start
        emitting = stop < ends
        if margins:
            _record(found, logits, at - start, torch.minimum(stop + 1, ends) - start)
        for row in emitting.nonzero()[:, 0].tolist():
            found[row].ids.append(int(symbols[row]))
        if emitting.any():
            cursor = predictor.advance(cursor, symbols, emitting)
        emitted = torch.where(stop == at, emitted, 0) + 1
        full = emitting & (emitted >= max_symbols)
        at, emitted = torch.where(full, stop + 1, stop), torch.where(full, 0, emitted)
    return cursor


def _next(best: Tensor, at: Tensor, ends: Tensor) -> tuple[Tensor, Tensor]:
    """The first frame i64[B] from `at` on that emits, `ends` where none does, and the symbol
    i64[B, 1] that it emits; best i64[B, S] are the best symbols of all frames."""
    numbers = torch.arange(best.shape[1], device=best.device)
    emits = (numbers >= at[:, None]) & (numbers < ends[:, None]) & (best != BLANK)
    stop = torch.where(emits.any(1), emits.int().argmax(1), ends)
    return stop, best.gather(1, stop.clamp(max=best.shape[1] - 1)[:, None])


def _record(found: list[Hypothesis], logits: Tensor, begin: Tensor, end: Tensor) -> None:
    top = logits.topk(2, dim=-1).values
    gaps = top[..., 0] - top[..., 1]
    for row, hypothesis in enumerate(found):
        hypothesis.margins += gaps[row, int(begin[row]) : int(end[row])].tolist()
