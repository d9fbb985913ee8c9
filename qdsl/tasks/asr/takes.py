"""Hears each clip under a few conditions, once each: features are most of the work of a batch."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from qdsl.tasks.asr.augment import Augmentation, noisy, resampled
from qdsl.tasks.asr.features import Features, log_energies
from qdsl.tasks.asr.recordings import SAMPLE_RATE, Recordings, levelled

CONDITIONS = 8  # of each speaker: a playing speed and a noise level
SILENCE_SECONDS = (0.015, 0.125)  # on either side of a clip: gaps of 30 to 250 ms


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """Log energies f32[T, bins] of a clip between silences; the frames where its speech is."""

    energies: Features
    start: int
    stop: int


@dataclass(slots=True, eq=False)
class Takes:
    """Every clip of some speakers under every condition, made when first asked for."""

    recordings: Recordings
    speakers: Sequence[str]
    bins: int
    seed: int
    amount: Augmentation
    made: dict[tuple[int, int, int], Take] = field(default_factory=dict)

    def take(self, speaker: int, condition: int, clip: int) -> Take:
        """The clip of that number; equal arguments give equal takes."""
        key = (speaker, condition, clip)
        if key not in self.made:
            self.made[key] = self._make(*key)
        return self.made[key]

    def splice(
        self, speaker: int, condition: int, clips: NDArray[np.int64]
    ) -> tuple[Features, NDArray[np.int64], list[int]]:
        """Clips one after the other: energies f32[T, bins], spans i64[U, 2], digits."""
        takes = [self.take(speaker, condition, int(i)) for i in clips]
        lengths = np.cumsum([0, *(len(t.energies) for t in takes)])
        spans = [(at + t.start, at + t.stop) for at, t in zip(lengths[:-1], takes, strict=True)]
        own = self.recordings.clips[self.speakers[speaker]]
        digits = [own[int(i)].digit for i in clips]
        return np.concatenate([t.energies for t in takes]), np.array(spans, np.int64), digits

    def _make(self, speaker: int, condition: int, clip: int) -> Take:
        common = np.random.default_rng((self.seed, speaker, condition))
        speed = common.uniform(1 - self.amount.speed, 1 + self.amount.speed)
        decibels = common.uniform(*self.amount.noise)
        rng = np.random.default_rng((self.seed, speaker, condition, clip))
        own = self.recordings.clips[self.speakers[speaker]]
        samples = levelled(resampled(own[clip].samples, speed))
        before, after = (rng.uniform(*SILENCE_SECONDS, size=2) * SAMPLE_RATE).astype(np.int64)
        heard = noisy(np.pad(samples, (before, after)), decibels, rng)
        energies = log_energies(heard, SAMPLE_RATE, bins=self.bins)
        frames = len(energies) / len(heard)
        stop = before + len(samples)
        return Take(energies, int(before * frames), int(stop * frames))
