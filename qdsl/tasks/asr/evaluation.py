"""Listens to a test set: what was heard, how wrong it is, and the loss of what was said."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from qdsl.fx.program import Program
from qdsl.tasks.asr.data import Batch, Utterance, collate
from qdsl.tasks.asr.decode import greedy
from qdsl.tasks.asr.decode_ctc import ctc_greedy
from qdsl.tasks.asr.entries import prediction_of
from qdsl.tasks.asr.objective import Encoded, evaluating, rnnt
from qdsl.tasks.asr.predictor import Recognizer
from qdsl.tasks.asr.score import Score, score
from qdsl.tasks.asr.tokens import BLANK, DIGITS, Vocabulary
from qdsl.train.losses.ctc import ctc_losses
from qdsl.train.objective import moved

BATCH = 32


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Ids heard of each utterance, their errors, and the loss in nats per label that was said."""

    heard: tuple[tuple[int, ...], ...]
    score: Score
    loss: float


def evaluate(
    model: Program,
    utterances: Sequence[Utterance],
    vocabulary: Vocabulary = DIGITS,
    *,
    ctc: bool = False,
) -> Evaluation:
    """Greedy decoding and loss, RNN-T or with `ctc` the connectionist one, in evaluation mode.

    The loss of the words, unlike their errors, moves with every weight: it tells models apart
    that make the same mistakes.
    """
    device = next(model.parameters()).device
    heard: list[list[int]] = []
    total = labels = 0.0
    with evaluating(model), torch.no_grad():
        for start in range(0, len(utterances), BATCH):
            batch = moved(collate(utterances[start : start + BATCH]), device)
            heard += _heard(model, batch, ctc)
            total += float(_losses(model, batch, len(vocabulary), ctc).sum())
            labels += float(batch.target_lengths.sum())
    said = [utterance.ids for utterance in utterances]
    found = score(said, heard, text=vocabulary.text)
    return Evaluation(tuple(tuple(ids) for ids in heard), found, total / labels)


def _heard(model: Program, batch: Batch, ctc: bool) -> list[list[int]]:
    if ctc:
        return ctc_greedy(model, batch.audio, batch.lengths)
    entries = cast(Recognizer, model)
    return greedy(entries, batch.audio, batch.lengths, prediction=prediction_of(model.ir))


def _losses(model: Program, batch: Batch, vocabulary: int, ctc: bool) -> Tensor:
    frames, lengths = model.encode(batch.audio, batch.lengths)
    if ctc:
        return ctc_losses(frames, batch.targets, lengths, batch.target_lengths, blank=BLANK)
    given = Encoded(frames, lengths, model.predict(batch.history))
    return rnnt(cast(Recognizer, model), given, batch, vocabulary)
