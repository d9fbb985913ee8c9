"""Varies recordings and their features, so that four speakers teach about a fifth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qdsl.tasks.asr.features import Features, Samples


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far each variation may go; each is drawn anew for each utterance."""

    speed: float = 0.15
    """Playing speed, and with it pitch and formants, from 1 - speed to 1 + speed."""
    noise: tuple[float, float] = (5.0, 40.0)
    """Signal-to-noise ratio in dB, from and to."""
    formants: float = 2.5
    """Shift of either end of the mel axis, in bins."""
    tempo: float = 0.15
    """Stretch of time alone, from 1 - tempo to 1 + tempo."""
    channel: float = 0.5
    """Size of a random frequency response, in nats: another microphone, another room."""
    band: int = 0
    """Widest masked band, in bins."""
    pause: int = 0
    """Longest masked stretch, in frames."""


STANDARD = Augmentation()


def resampled(samples: Samples, factor: float) -> Samples:
    """Samples f32[N] played `factor` times as fast: f32[N / factor], linearly interpolated."""
    places = np.arange(0.0, len(samples) - 1, factor)
    heard: NDArray[np.float64] = np.interp(places, np.arange(len(samples)), samples)
    return heard.astype(np.float32)


def noisy(samples: Samples, decibels: float, rng: np.random.Generator) -> Samples:
    """Adds Gaussian noise of a random colour, `decibels` below the samples f32[N]."""
    white = rng.standard_normal(len(samples) + 1, dtype=np.float32)
    noise = white[1:] + np.float32(rng.uniform(-0.9, 0.9)) * white[:-1]
    level = np.sqrt(np.mean(samples**2) / np.mean(noise**2)) * 10 ** (-decibels / 20)
    return (samples + noise * np.float32(level)).astype(np.float32)


def coloured(energies: Features, amount: Augmentation, rng: np.random.Generator) -> Features:
    """Log energies f32[T, bins] through another channel: a random slope, curvature and ripple.

    A channel adds the logarithm of its response to every frame. Slope and curvature are the first
    two Legendre polynomials over the mel axis, the ripple is a sine of random phase.
    """
    axis = np.linspace(-1, 1, energies.shape[1])
    ripple = np.sin(1.5 * np.pi * axis + rng.uniform(0, 2 * np.pi))
    basis = np.stack([axis, (3 * axis**2 - 1) / 2, ripple])
    response = rng.normal(0, amount.channel, size=3) @ basis
    heard: Features = (energies + response).astype(np.float32)
    return heard


def vary(features: Features, amount: Augmentation, rng: np.random.Generator) -> Features:
    """Features f32[T, bins] of another vocal tract and tempo, in part masked."""
    ends = rng.uniform(-amount.formants, amount.formants, size=2)
    warped = warp_bins(features, float(ends[0]), float(ends[1]))
    paced = warp_time(warped, rng.uniform(1 - amount.tempo, 1 + amount.tempo))
    return masked(paced, amount, rng)


def warp_bins(features: Features, low: float, high: float) -> Features:
    """Reads the mel axis from bin `low` to bin `width - 1 + high`, in equal steps.

    The length of the vocal tract moves formants along the mel axis (Jaitly and Hinton, "Vocal
    Tract Length Perturbation", 2013); a linear map stands for their piecewise linear one.
    """
    width = features.shape[1]
    places = np.clip(np.linspace(low, width - 1 + high, width), 0, width - 1)
    left, part = _between(places, width)
    return features[:, left] * (1 - part) + features[:, left + 1] * part


def warp_time(features: Features, factor: float) -> Features:
    """Stretches time by `factor`: f32[T, bins] to f32[round(factor T), bins], at least 2."""
    frames = features.shape[0]
    left, part = _between(np.linspace(0, frames - 1, max(2, round(frames * factor))), frames)
    return features[left] * (1 - part[:, None]) + features[left + 1] * part[:, None]


def _between(places: NDArray[np.float64], size: int) -> tuple[NDArray[np.int64], Features]:
    left = np.minimum(places.astype(np.int64), size - 2)
    return left, (places - left).astype(np.float32)


def masked(features: Features, amount: Augmentation, rng: np.random.Generator) -> Features:
    """Zeroes up to two bands of bins, and one stretch of frames for each second.

    Park et al., "SpecAugment" (2019); zero is the mean of normalised features.
    """
    features = features.copy()
    frames, width = features.shape
    for _ in range(2):
        features[:, _stretch(width, amount.band, rng)] = 0.0
    for _ in range(frames // 100 + 1):
        features[_stretch(frames, amount.pause, rng)] = 0.0
    return features


def _stretch(length: int, longest: int, rng: np.random.Generator) -> slice:
    size = int(rng.integers(0, min(longest, length) + 1))
    start = int(rng.integers(0, length - size + 1))
    return slice(start, start + size)
