"""Makes connected digits from single ones, as an endless stream to train on and as a test set."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import count
from math import inf

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from qdsl.tasks.asr import tokens
from qdsl.tasks.asr.augment import STANDARD, Augmentation, coloured, vary
from qdsl.tasks.asr.features import FRAME_SECONDS, Features, Samples, fbank, normalised
from qdsl.tasks.asr.noise import Noise, Noises
from qdsl.tasks.asr.recordings import SAMPLE_RATE, Clip, Recordings
from qdsl.tasks.asr.takes import CONDITIONS, Takes
from qdsl.train.task import Share

WORDS = 32
"""In a batch of digits, where nothing else is said."""
MAX_DIGITS = 7
GAP_SECONDS = (0.03, 0.25)
FORGOTTEN = 0.4


@dataclass(frozen=True, slots=True, eq=False)
class Utterance:
    """Features f32[T, bins], the ids said, and the frames i64[U, 2] where each starts and ends."""

    features: Features
    ids: tuple[int, ...]
    spans: NDArray[np.int64]
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Utterances padded with zeros: audio f32[B, T, bins], lengths i64[B], targets i64[B, U],
    target_lengths i64[B]; history is targets with some ids made blank, to predict from; spans
    i64[B, U, 2] are the frames from and to which each target was spoken.

    `labels` and `utterances` are what sums over this batch are divided by: of the whole batch,
    divided by the processes that share it, so that the mean over those is that of the whole.
    """

    audio: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor
    history: Tensor
    spans: Tensor
    labels: float
    utterances: float


_WHOLE = Share()


def batches(
    recordings: Recordings,
    speakers: Sequence[str],
    *,
    bins: int,
    words: int,
    seed: int,
    max_digits: int = MAX_DIGITS,
    augmentation: Augmentation = STANDARD,
    start: int = 0,
    share: Share = _WHOLE,
) -> Iterator[Batch]:
    """An endless stream of batches of about `words` words, all strings of a batch as long.

    Batch n depends on the arguments and n alone, so that `start = n` continues a stream that
    was broken off; each process gets its share of it. The next batches are made by a thread
    while the caller uses the last.
    """

    takes = Takes(recordings, speakers, bins, seed, augmentation)

    def make(number: int) -> Batch:
        rng = np.random.default_rng((seed, number))
        digits = int(rng.integers(1, max_digits + 1))
        rows = range(max(1, round(words / digits)))
        draws = [np.random.default_rng((seed, number, row)) for row in rows]
        # all of them, in each process: how far a share is padded is the whole batch's to say
        whole = collate([_varied(takes, digits, draw) for draw in draws], draws)
        return shared(_rows(whole, share.of(rows) or rows[:1]), [digits] * len(rows), share)

    return ahead(make, start)


def shared(own: Batch, labels: Sequence[int], share: Share) -> Batch:
    """The part of a batch with these numbers of labels that one process has.

    Where there are more processes than utterances the part is one that no loss counts.
    """
    idle = not share.of(labels)
    return replace(
        own,
        labels=inf if idle else sum(labels) / share.count,
        utterances=inf if idle else len(labels) / share.count,
    )


def evaluation_set(
    recordings: Recordings, speaker: str, *, bins: int, seed: int = 0, noise: Noise | None = None
) -> list[Utterance]:
    """Strings of 1 to 7 digits that use every clip of the speaker exactly once, by length.

    The shortest come first, so that neighbours make batches with little padding. With `noise` the
    same strings are heard in it.
    """
    rng = np.random.default_rng(seed)
    clips = recordings.clips[speaker]
    order = rng.permutation(len(clips))
    noises = None if noise is None else Noises(noise, recordings, without=speaker)
    utterances: list[Utterance] = []
    while len(order):
        size = int(rng.integers(1, MAX_DIGITS + 1))
        chosen, order = [clips[int(i)] for i in order[:size]], order[size:]
        samples, places = splice([clip.samples for clip in chosen], rng)
        heard = samples if noises is None else noises.over(samples, len(utterances))
        features = fbank(heard, SAMPLE_RATE, bins=bins)
        utterances.append(_utterance(features, samples, places, chosen))
    return sorted(utterances, key=lambda utterance: len(utterance.features))


def splice(clips: Sequence[Samples], rng: np.random.Generator) -> tuple[Samples, NDArray[np.int64]]:
    """Joins clips f32[N] with gaps of 30 to 250 ms of silence; also where each begins and ends."""
    gaps = np.round(rng.uniform(*GAP_SECONDS, size=len(clips)) * SAMPLE_RATE).astype(np.int64)
    gaps[0] = 0
    ends = np.cumsum(gaps + [len(clip) for clip in clips])
    samples = np.zeros(ends[-1], np.float32)
    for clip, end in zip(clips, ends, strict=True):
        samples[end - len(clip) : end] = clip
    return samples, np.stack([ends - [len(clip) for clip in clips], ends], axis=1)


def collate(
    utterances: Sequence[Utterance],
    draws: Sequence[np.random.Generator] | None = None,
    *,
    frames: int = 0,
) -> Batch:
    """Pads utterances to a batch, to at least that many frames.

    With `draws`, one for each utterance, its history forgets 40 % of the ids.

    Digits follow each other at random: a prediction network that always sees the last ones
    learns to count words, and then deletes what comes after as many as it has been trained on.
    """
    lengths = torch.tensor([len(u.features) for u in utterances])
    target_lengths = torch.tensor([len(u.ids) for u in utterances])
    longest = max(frames, int(lengths.max()))
    audio = torch.zeros(len(utterances), longest, utterances[0].features.shape[1])
    targets = torch.zeros(len(utterances), int(target_lengths.max()), dtype=torch.int64)
    for row, utterance in enumerate(utterances):
        audio[row, : len(utterance.features)] = torch.from_numpy(utterance.features)
        targets[row, : len(utterance.ids)] = torch.tensor(utterance.ids)
    spans = torch.zeros(*targets.shape, 2, dtype=torch.int64)
    for row, utterance in enumerate(utterances):
        spans[row, : len(utterance.ids)] = torch.from_numpy(utterance.spans)
    history = targets.clone()
    for row, draw in enumerate(draws or ()):
        forgotten = torch.from_numpy(draw.random(targets.shape[1]) < FORGOTTEN)
        history[row, forgotten] = tokens.BLANK
    totals = float(target_lengths.sum()), float(len(utterances))
    return Batch(audio, lengths, targets, target_lengths, history, spans, *totals)


def _rows(batch: Batch, rows: Sequence[int]) -> Batch:
    index = torch.tensor(rows)
    return replace(
        batch,
        audio=batch.audio[index],
        lengths=batch.lengths[index],
        targets=batch.targets[index],
        target_lengths=batch.target_lengths[index],
        history=batch.history[index],
        spans=batch.spans[index],
    )


def _varied(takes: Takes, digits: int, rng: np.random.Generator) -> Utterance:
    speaker = int(rng.integers(len(takes.speakers)))
    condition = int(rng.integers(CONDITIONS))
    clips = rng.integers(len(takes.recordings.clips[takes.speakers[speaker]]), size=digits)
    energies, spans, said = takes.splice(speaker, condition, clips)
    features = vary(normalised(coloured(energies, takes.amount, rng)), takes.amount, rng)
    # tempo has stretched the frames
    spans = spans * len(features) // len(energies)
    return Utterance(features, tuple(tokens.encode(said)), spans, len(energies) * FRAME_SECONDS)


def _utterance(
    features: Features, samples: Samples, places: NDArray[np.int64], clips: Sequence[Clip]
) -> Utterance:
    ids = tuple(tokens.encode(clip.digit for clip in clips))
    spans = places * len(features) // len(samples)
    return Utterance(features, ids, spans, len(samples) / SAMPLE_RATE)


def ahead(make: Callable[[int], Batch], start: int, *, depth: int = 2) -> Iterator[Batch]:
    """make(start), make(start + 1), … with `depth` of them begun before they are asked for."""
    with ThreadPoolExecutor(1) as pool:
        numbers = count(start)
        begun: list[Future[Batch]] = [pool.submit(make, next(numbers)) for _ in range(depth)]
        while True:
            begun.append(pool.submit(make, next(numbers)))
            yield begun.pop(0).result()
