"""Holds what is trained and tested on: connected digits, or a corpus of one's own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from qdsl.tasks.asr import tokens
from qdsl.tasks.asr.buckets import Buckets
from qdsl.tasks.asr.data import (
    WORDS,
    Batch,
    Utterance,
    ahead,
    batches,
    collate,
    evaluation_set,
    shared,
)
from qdsl.tasks.asr.features import fbank
from qdsl.tasks.asr.manifest import Item, Manifest
from qdsl.tasks.asr.recordings import HELD_OUT_SPEAKER, TRAINING_SPEAKERS, Recordings
from qdsl.tasks.asr.tokens import Vocabulary
from qdsl.train.task import Share

UTTERANCES = 16
"""In a batch of a manifest, where the recipe does not say how many."""
WORDS_IN_STRING = 4
"""Mean number of digits in a string."""


class Corpus(Protocol):
    """Utterances with their tokens. Batch n is a function of the corpus and n alone."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    def batches(self, start: int) -> Iterator[Batch]:
        """One process's share of batch `start` and those behind, without end."""

    def test(self) -> Sequence[Utterance]:
        """What is not trained on, the shortest first."""


@dataclass(frozen=True)
class Digits:
    """Strings of the recordings of single digits; four speakers train, the fifth is the test."""

    recordings: Recordings
    bins: int
    batch: int | None = None
    seed: int = 0
    share: Share = Share()
    training: tuple[str, ...] = TRAINING_SPEAKERS
    held_out: str = HELD_OUT_SPEAKER

    @property
    def vocabulary(self) -> Vocabulary:
        return tokens.DIGITS

    def batches(self, start: int) -> Iterator[Batch]:
        return batches(
            self.recordings,
            self.training,
            bins=self.bins,
            words=WORDS if self.batch is None else self.batch * WORDS_IN_STRING,
            seed=self.seed,
            start=start,
            share=self.share,
        )

    def test(self) -> Sequence[Utterance]:
        return evaluation_set(self.recordings, self.held_out, bins=self.bins)


@dataclass(frozen=True)
class Listed:
    """Recordings that a manifest lists."""

    manifest: Manifest
    bins: int
    frame_seconds: float
    batch: int | None = None
    seed: int = 0
    share: Share = Share()

    @property
    def vocabulary(self) -> Vocabulary:
        return self.manifest.vocabulary

    @cached_property
    def _buckets(self) -> Buckets:
        lengths = [item.seconds for item in self.manifest.train]
        return Buckets(lengths, self.batch or UTTERANCES, self.seed)

    def batches(self, start: int) -> Iterator[Batch]:
        def make(number: int) -> Batch:
            whole = self._buckets.batch(number)
            own = self.share.of(whole) or whole[:1]
            items = [self.manifest.train[i] for i in own]
            labels = [len(self.manifest.train[i].ids) for i in whole]
            # a share is padded as the whole batch would be: norms and convolutions see the padding
            frames = max(self.manifest.train[i].frames for i in whole)
            heard = [self._heard(item) for item in items]
            return shared(collate(heard, frames=frames), labels, self.share)

        return ahead(make, start)

    def test(self) -> Sequence[Utterance]:
        found = [self._heard(item) for item in self.manifest.test]
        return sorted(found, key=lambda utterance: len(utterance.features))

    def _heard(self, item: Item) -> Utterance:
        features = fbank(
            item.samples(), self.manifest.sample_rate, bins=self.bins, seconds=self.frame_seconds
        )
        nowhere = np.zeros((len(item.ids), 2), np.int64)  # a manifest does not say when
        return Utterance(features, item.ids, nowhere, item.seconds)
