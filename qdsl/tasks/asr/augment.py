"""Varies recordings and their features, so that four speakers teach about a fifth."""

import numpy as np

from qdsl.tasks.asr.features import Features, Samples


def resampled(samples: Samples, factor: float) -> Samples:
    """The recording played `factor` times as fast: pitch, formants and tempo move together."""
    places = np.arange(0.0, len(samples) - 1, factor)
    return np.interp(places, np.arange(len(samples)), samples).astype(np.float32)


def noisy(samples: Samples, rng: np.random.Generator, *, decibels: tuple[float, float]) -> Samples:
    """Adds Gaussian noise of a random colour, at a random signal-to-noise ratio in dB."""
    white = rng.standard_normal(len(samples) + 1, dtype=np.float32)
    noise = white[1:] + np.float32(rng.uniform(-0.9, 0.9)) * white[:-1]
    level = np.sqrt(np.mean(samples**2)) / np.sqrt(np.mean(noise**2))
    return samples + noise * np.float32(level * 10 ** (-rng.uniform(*decibels) / 20))


def warped(features: Features, rng: np.random.Generator, *, bins: float, tempo: float) -> Features:
    """Shifts and stretches the mel axis by up to `bins`, and time by up to a factor 1 ± tempo.

    Vocal tract length moves formants along the mel axis (Jaitly and Hinton, "Vocal Tract Length
    Perturbation", 2013); here the map is linear, from one random end point to another.
    """
    frames, width = features.shape
    low, high = rng.uniform(-bins, bins, size=2)
    places = np.clip(np.linspace(low, width - 1 + high, width), 0, width - 1)
    left = np.minimum(places.astype(np.int64), width - 2)
    part = (places - left).astype(np.float32)
    features = features[:, left] * (1 - part) + features[:, left + 1] * part
    length = max(2, round(frames * rng.uniform(1 - tempo, 1 + tempo)))
    moments = np.linspace(0, frames - 1, length)
    before = np.minimum(moments.astype(np.int64), frames - 2)
    share = (moments - before).astype(np.float32)[:, None]
    return features[before] * (1 - share) + features[before + 1] * share


def masked(features: Features, rng: np.random.Generator, *, bins: int, frames: int) -> Features:
    """Zeroes up to two bands of mel bins and one stretch of frames in each second.

    Park et al., "SpecAugment" (2019); zero is the mean of normalised features.
    """
    features = features.copy()
    length, width = features.shape
    for _ in range(2):
        size = int(rng.integers(0, bins + 1))
        start = int(rng.integers(0, width - size + 1))
        features[:, start : start + size] = 0.0
    for _ in range(length // 100 + 1):
        size = int(rng.integers(0, frames + 1))
        start = int(rng.integers(0, max(1, length - size)))
        features[start : start + size] = 0.0
    return features
