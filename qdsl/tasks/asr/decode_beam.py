"""Decodes a transducer by beam search: a list of hypotheses with their log-probabilities.

Frames are gone through in step, as the time-synchronous search of Saon et al., "Alignment-Length
Synchronous Decoding for RNN Transducer" (2020), section 2: in each frame every hypothesis may end
the frame by a blank or say one label more, up to `max_symbols` of them. Ways to the same labels
are one hypothesis, and their probabilities add up.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log1p
from typing import TypeAlias

import torch
from torch import Tensor

from qdsl.tasks.asr.decode import MAX_SYMBOLS
from qdsl.tasks.asr.entries import Prediction
from qdsl.tasks.asr.predictor import Cursor, Predictor, Recognizer, joined
from qdsl.tasks.asr.tokens import BLANK

Ids: TypeAlias = tuple[int, ...]
Key: TypeAlias = tuple[int, Ids]
"""Number of the utterance, ids."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Ids, and the log-probability in nats of those of their alignments that the search kept."""

    ids: Ids
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class _Beam:
    """Hypotheses of all utterances with their scores; row n of the cursor is that of key n."""

    keys: list[Key]
    scores: list[float]
    cursor: Cursor

    def rows(self, chosen: Sequence[int]) -> "_Beam":
        index = torch.tensor(chosen, dtype=torch.int64, device=self.cursor.counts.device)
        keys, scores = [self.keys[i] for i in chosen], [self.scores[i] for i in chosen]
        return _Beam(keys, scores, self.cursor.rows(index))


@torch.no_grad()
def beam_search(
    model: Recognizer,
    audio: Tensor,
    lengths: Tensor,
    *,
    prediction: Prediction,
    beam: int = 4,
    max_symbols: int = MAX_SYMBOLS,
) -> list[list[Scored]]:
    """Up to `beam` hypotheses of each utterance, the best first; audio f32[B, T, bins].

    `beam` hypotheses are kept at each frame. Equal scores are ordered by ids, so that equal inputs
    give equal lists. Ids of a list are distinct.
    """
    frames, ends = model.encode(audio, lengths)
    return search(Predictor(model, prediction), frames, ends, beam=beam, max_symbols=max_symbols)


@torch.no_grad()
def search(
    predictor: Predictor,
    frames: Tensor,
    ends: Tensor,
    *,
    beam: int,
    max_symbols: int = MAX_SYMBOLS,
) -> list[list[Scored]]:
    """As `beam_search`, of frames f32[B, S, d] that are encoded already; ends i64[B]."""
    batch = len(frames)
    start = predictor.start(batch, frames.device)
    kept = _Beam([(row, ()) for row in range(batch)], [0.0] * batch, start)
    lengths = ends.tolist()
    for frame in range(max(lengths, default=0)):
        going = [n for n, (row, _) in enumerate(kept.keys) if frame < lengths[row]]
        done = [n for n, (row, _) in enumerate(kept.keys) if frame >= lengths[row]]
        after = _frame(predictor, frames[:, frame : frame + 1], kept.rows(going), beam, max_symbols)
        kept = _together([kept.rows(done), after]) if done else after
    lists: list[list[Scored]] = [[] for _ in range(batch)]
    for n in _best(kept.keys, kept.scores, beam):
        row, ids = kept.keys[n]
        lists[row].append(Scored(ids, kept.scores[n]))
    return lists


def _frame(predictor: Predictor, frame: Tensor, beam: _Beam, width: int, max_symbols: int) -> _Beam:
    """The hypotheses that end the frame f32[B, 1, d], `width` of each utterance."""
    ended: dict[Key, float] = {}
    place: dict[Key, int] = {}
    levels: list[_Beam] = []
    for said in range(max_symbols + 1):
        log_probs = _log_probs(predictor, frame, beam)
        base = sum(len(level.keys) for level in levels)
        levels.append(beam)
        blanks = log_probs[:, BLANK].tolist()
        for n, (key, score) in enumerate(zip(beam.keys, beam.scores, strict=True)):
            ended[key] = _add(ended.get(key, -inf), score + blanks[n])
            place.setdefault(key, base + n)
        floors = _floors(ended, width)
        if said == max_symbols or not (more := _labels(beam, log_probs, width, floors)):
            break
        beam = _said(predictor, beam, more)
    keys, scores = list(ended), list(ended.values())
    chosen = _best(keys, scores, width)
    every = _together(levels).cursor
    index = torch.tensor([place[keys[n]] for n in chosen], device=frame.device)
    return _Beam([keys[n] for n in chosen], [scores[n] for n in chosen], every.rows(index))


def _log_probs(predictor: Predictor, frame: Tensor, beam: _Beam) -> Tensor:
    rows = torch.tensor([row for row, _ in beam.keys], device=frame.device)
    logits = predictor.model.join(frame[rows], beam.cursor.output)[:, 0, 0]
    return logits.double().log_softmax(-1)


def _labels(
    beam: _Beam, log_probs: Tensor, width: int, floors: dict[int, float]
) -> list[tuple[int, int, float]]:
    """The `width` best ways of each utterance to say one label more: row, label, score.

    None that is below the floor of its utterance: it could not be among the best any more.
    """
    labels = log_probs.clone()
    labels[:, BLANK] = -inf
    # a stable sort: of equal labels the lowest ids come first
    order = labels.sort(dim=-1, descending=True, stable=True)
    values, ids = order.values[:, :width].tolist(), order.indices[:, :width].tolist()
    found = [
        (n, label, score + value)
        for n, score in enumerate(beam.scores)
        for label, value in zip(ids[n], values[n], strict=True)
        if score + value > floors.get(beam.keys[n][0], -inf)
    ]
    keys = [(beam.keys[n][0], (*beam.keys[n][1], label)) for n, label, _ in found]
    return [found[i] for i in _best(keys, [score for _, _, score in found], width)]


def _said(predictor: Predictor, beam: _Beam, more: list[tuple[int, int, float]]) -> _Beam:
    before = beam.rows([n for n, _, _ in more])
    symbols = torch.tensor([[label] for _, label, _ in more], device=before.cursor.counts.device)
    keys = [(k[0], (*k[1], label)) for k, (_, label, _) in zip(before.keys, more, strict=True)]
    return _Beam(keys, [s for _, _, s in more], predictor.advance(before.cursor, symbols))


def _best(keys: Sequence[Key], scores: Sequence[float], width: int) -> list[int]:
    """Places of the `width` best of each utterance, by utterance, then score, then ids."""
    order = sorted(range(len(keys)), key=lambda n: (keys[n][0], -scores[n], keys[n][1]))
    taken: dict[int, int] = {}
    chosen = []
    for n in order:
        row = keys[n][0]
        taken[row] = taken.get(row, 0) + 1
        if taken[row] <= width and scores[n] > -inf:
            chosen.append(n)
    return chosen


def _floors(ended: dict[Key, float], width: int) -> dict[int, float]:
    """Of each utterance with `width` ended hypotheses or more, the score of the last to be kept."""
    scores: dict[int, list[float]] = {}
    for (row, _), score in ended.items():
        scores.setdefault(row, []).append(score)
    return {row: sorted(s)[-width] for row, s in scores.items() if len(s) >= width}


def _together(beams: Sequence[_Beam]) -> _Beam:
    return _Beam(
        [key for b in beams for key in b.keys],
        [score for b in beams for score in b.scores],
        joined([b.cursor for b in beams]),
    )


def _add(first: float, second: float) -> float:
    """log(exp(first) + exp(second))."""
    high, low = max(first, second), min(first, second)
    return high if low == -inf else high + log1p(exp(low - high))
