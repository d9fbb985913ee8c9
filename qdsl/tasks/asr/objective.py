"""Says what a recognizer is trained to make small."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from qdsl.tasks.asr.data import Batch
from qdsl.tasks.asr.decode_beam import search
from qdsl.tasks.asr.entries import Prediction
from qdsl.tasks.asr.predictor import Predictor, Recognizer
from qdsl.tasks.asr.score import word_errors
from qdsl.tasks.asr.tokens import BLANK
from qdsl.train.losses.embr import embr_losses
from qdsl.train.losses.rnnt import rnnt_losses
from qdsl.train.losses.rnnt_lean import lean_rnnt_losses

CELLS = 1 << 24
"""Logits of a joint that may exist at a time: 64 MiB in f32."""


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """What the entries gave: frames f32[B, S, d] and how many count i64[B]; states
    f32[B, U + 1, e], None for the connectionist loss, whose frames are logits."""

    frames: Tensor
    lengths: Tensor
    states: Tensor | None


def transducer(model: nn.Module, batch: Batch) -> Tensor:
    """Transducer loss f32[] of a batch, in nats per word.

    `model` offers the entries of a Recognizer. Dividing by the words, not the utterances, gives
    a batch of single digits and one of strings of seven the same weight.
    """
    entries = cast(Recognizer, model)
    frames, lengths = entries.encode(batch.audio, batch.lengths)
    logits = entries.join(frames, entries.predict(batch.history))
    losses = rnnt_losses(logits, batch.targets, lengths, batch.target_lengths, blank=BLANK)
    return losses.sum() / batch.labels


def part(targets: Tensor, vocabulary: int) -> int:
    """How many frames are joined at a time with targets i64[B, U]: `CELLS` logits at most."""
    rows, labels = targets.shape
    return max(1, CELLS // (rows * (labels + 1) * vocabulary))


def rnnt(model: Recognizer, given: Encoded, batch: Batch, vocabulary: int) -> Tensor:
    """Transducer loss of each utterance f32[B], in nats; the joint runs by parts."""
    assert given.states is not None
    return lean_rnnt_losses(
        model.join,
        given.frames,
        given.states,
        batch.targets,
        given.lengths,
        batch.target_lengths,
        part=part(batch.targets, vocabulary),
        blank=BLANK,
    )


def embr(
    model: nn.Module,
    given: Encoded,
    batch: Batch,
    prediction: Prediction,
    text: Callable[[Sequence[int]], str],
    vocabulary: int,
    *,
    beam: int,
    mix: float,
) -> Tensor:
    """Expected word errors of each utterance f32[B], and `mix` times its transducer loss.

    The list of an utterance is what beam search finds with the weights as they are, in evaluation
    mode; its probabilities are full sums over the alignments, with a gradient.
    """
    entries = cast(Recognizer, model)
    with evaluating(model):
        frames = given.frames.detach()
        lists = search(Predictor(entries, prediction), frames, given.lengths, beam=beam)
    device = frames.device
    found = [hypothesis.ids for hypotheses in lists for hypothesis in hypotheses]
    counts = [len(hypotheses) for hypotheses in lists]
    rows = torch.repeat_interleave(torch.tensor(counts, device=device))
    targets = _padded([torch.tensor(ids, dtype=torch.int64) for ids in found]).to(device)
    scores = -lean_rnnt_losses(
        entries.join,
        given.frames[rows],
        entries.predict(targets),
        targets,
        given.lengths[rows],
        torch.tensor([len(ids) for ids in found], device=device),
        part=part(targets, vocabulary),
        blank=BLANK,
    )
    said = [text(ids) for ids in _references(batch)]
    errors = [
        word_errors(said[row], text(ids)) for row, ids in zip(rows.tolist(), found, strict=True)
    ]
    return embr_losses(
        _padded(torch.split(scores, counts)),
        _padded(torch.split(torch.tensor(errors, device=device), counts)),
        _padded(torch.split(torch.ones_like(rows, dtype=torch.bool), counts)),
        rnnt(entries, given, batch, vocabulary),
        mix=mix,
    )


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode; each module then is in the mode it was in."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


def _padded(rows: Sequence[Tensor]) -> Tensor:
    return pad_sequence(list(rows), batch_first=True)


def _references(batch: Batch) -> list[list[int]]:
    lengths = batch.target_lengths.tolist()
    return [ids[:size] for ids, size in zip(batch.targets.tolist(), lengths, strict=True)]
