"""Checks the filter banks on tones, noise and silence."""

import numpy as np
import pytest

from qdsl.tasks.asr.features import fbank, frame_count, log_energies


@pytest.mark.parametrize("hertz", [300.0, 1000.0, 3000.0])
def test_a_tone_lights_the_bin_of_its_pitch(hertz: float) -> None:
    tone = np.sqrt(2) * np.sin(2 * np.pi * hertz * np.arange(8000) / 8000)
    energies = log_energies(tone.astype(np.float32), 8000, bins=40)

    def mel(frequency: float) -> float:
        return float(1127 * np.log1p(frequency / 700))

    place = 41 * (mel(hertz) - mel(20)) / (mel(4000) - mel(20)) - 1
    assert energies.shape == (100, 40)
    assert energies[50].argmax() == pytest.approx(place, abs=1)


def test_features_have_mean_0_and_variance_1() -> None:
    samples = np.random.default_rng(0).standard_normal(4000, dtype=np.float32)
    samples *= np.linspace(0.5, 2, 4000, dtype=np.float32)
    features = fbank(samples, 8000, bins=40)
    assert features.dtype == np.float32
    assert features.mean() == pytest.approx(0, abs=1e-4)
    assert features.std() == pytest.approx(1, abs=1e-3)


def test_digital_silence_is_finite() -> None:
    assert np.isfinite(fbank(np.zeros(1000, np.float32), 8000, bins=40)).all()


@pytest.mark.parametrize(("rate", "seconds"), [(8000, 0.01), (16000, 0.0125), (11025, 0.01)])
@pytest.mark.parametrize("samples", [200, 1000, 1239, 1240, 1241])
def test_frames_are_known_from_the_number_of_samples(
    rate: int, seconds: float, samples: int
) -> None:
    noise = np.random.default_rng(0).standard_normal(samples, dtype=np.float32)
    found = fbank(noise, rate, bins=10, seconds=seconds)
    assert len(found) == frame_count(samples, rate, seconds)
