"""Gives connected digits: finds the recordings, splices them, and batches them."""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import torch
from torch import Tensor

from qdsl.tasks.asr import tokens
from qdsl.tasks.asr.augment import masked, noisy, resampled, warped
from qdsl.tasks.asr.features import Features, Samples, fbank

SPEAKERS = ("george", "jackson", "nicolas", "theo", "yweweler")
SAMPLE_RATE = 8000


@dataclass(frozen=True, slots=True)
class Clip:
    digit: int
    samples: Samples


@dataclass(frozen=True, slots=True)
class Recordings:
    clips: Mapping[str, tuple[Clip, ...]]


@dataclass(frozen=True, slots=True)
class Batch:
    audio: Tensor
    lengths: Tensor
    targets: Tensor
    target_lengths: Tensor


def level(samples: Samples) -> Samples:
    return samples / np.float32(np.sqrt(np.mean(samples**2)) + 1e-8)


def load(folder: Path) -> Recordings:
    clips: dict[str, list[Clip]] = {s: [] for s in SPEAKERS}
    for path in sorted(folder.glob("*.wav")):
        digit, speaker, _ = path.stem.split("_")
        samples, _rate = soundfile.read(path, dtype="float32")
        clips[speaker].append(Clip(int(digit), level(samples)))
    return Recordings({s: tuple(c) for s, c in clips.items()})


def splice(clips: Sequence[Samples], rng: np.random.Generator) -> Samples:
    parts = []
    for clip in clips:
        if parts:
            parts.append(np.zeros(int(rng.uniform(0.03, 0.25) * SAMPLE_RATE), np.float32))
        parts.append(clip)
    return np.concatenate(parts)


def collate(features: Sequence[Features], digits: Sequence[Sequence[int]]) -> Batch:
    lengths = torch.tensor([len(f) for f in features])
    target_lengths = torch.tensor([len(d) for d in digits])
    audio = torch.zeros(len(features), int(lengths.max()), features[0].shape[1])
    targets = torch.zeros(len(features), int(target_lengths.max()), dtype=torch.long)
    for i, (f, d) in enumerate(zip(features, digits, strict=True)):
        audio[i, : len(f)] = torch.from_numpy(f)
        targets[i, : len(d)] = torch.tensor(tokens.encode(d))
    return Batch(audio, lengths, targets, target_lengths)


def test_set(recordings, speaker, *, bins, seed=0):
    rng = np.random.default_rng(seed)
    clips = recordings.clips[speaker]
    order = list(rng.permutation(len(clips)))
    out = []
    while order:
        n = int(rng.integers(1, 8))
        take, order = order[:n], order[n:]
        chosen = [clips[i] for i in take]
        out.append((fbank(splice([c.samples for c in chosen], rng), SAMPLE_RATE, bins=bins), [c.digit for c in chosen]))
    return out


@dataclass(frozen=True)
class Aug:
    speed: float = 0.15
    snr: tuple = (5.0, 40.0)
    vtlp: float = 2.5
    tempo: float = 0.15
    fmask: int = 6
    tmask: int = 10


def batch_at(recordings, speakers, *, bins, words, seed, step, max_digits, aug):
    rng = np.random.default_rng((seed, step))
    n = int(rng.integers(1, max_digits + 1))
    size = max(1, round(words / n))
    feats, digs = [], []
    for _ in range(size):
        clips = recordings.clips[speakers[int(rng.integers(len(speakers)))]]
        chosen = [clips[int(i)] for i in rng.integers(len(clips), size=n)]
        f = rng.uniform(1 - aug.speed, 1 + aug.speed)
        samples = splice([level(resampled(c.samples, f)) for c in chosen], rng)
        samples = noisy(samples, rng, decibels=aug.snr)
        x = fbank(samples, SAMPLE_RATE, bins=bins)
        x = warped(x, rng, bins=aug.vtlp, tempo=aug.tempo)
        x = masked(x, rng, bins=aug.fmask, frames=aug.tmask)
        feats.append(x); digs.append([c.digit for c in chosen])
    return collate(feats, digs)
