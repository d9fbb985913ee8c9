"""Measures the noise that is added to a test."""

from pathlib import Path

import numpy as np
import pytest

from qdsl.tasks.asr.data import evaluation_set
from qdsl.tasks.asr.noise import Noise, Noises
from qdsl.tasks.asr.recordings import Clip, Recordings, levelled


def clip(rng: np.random.Generator, level: float = 1.0) -> Clip:
    size = int(rng.integers(1200, 3000))
    return Clip(int(rng.integers(10)), level * levelled(rng.standard_normal(size, np.float32)))


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    rng = np.random.default_rng(0)
    clips = {name: tuple(clip(rng) for _ in range(12)) for name in ("ada", "bob", "theo")}
    return Recordings(Path("made-up"), clips)


@pytest.mark.parametrize("kind", ["white", "babble"])
@pytest.mark.parametrize("decibels", [-5.0, 10.0])
def test_the_noise_is_as_far_below_as_asked(
    recordings: Recordings, kind: str, decibels: float
) -> None:
    noises = Noises(Noise(kind, decibels), recordings, without="theo")  # type: ignore[arg-type]
    samples = 3 * recordings.clips["theo"][0].samples
    added = noises.over(samples, 4) - samples
    ratio = 10 * np.log10(np.mean(samples**2) / np.mean(added**2))
    assert ratio == pytest.approx(decibels, abs=0.01)
    assert np.array_equal(noises.over(samples, 4) - samples, added)
    assert not np.allclose(noises.over(samples, 5) - samples, added)


def test_a_babble_is_of_the_other_speakers(recordings: Recordings) -> None:
    spoilt = {**recordings.clips, "theo": (Clip(0, np.full(2000, np.nan, np.float32)),)}
    noises = Noises(Noise("babble", 0.0), Recordings(Path(), spoilt), without="theo")
    for number in range(20):
        assert np.isfinite(noises.over(np.ones(5000, np.float32), number)).all()


def test_the_same_strings_are_heard_in_noise(recordings: Recordings) -> None:
    clean = evaluation_set(recordings, "theo", bins=20)
    noisy = evaluation_set(recordings, "theo", bins=20, noise=Noise("babble", 5.0))
    assert [u.ids for u in noisy] == [u.ids for u in clean]
    assert [u.features.shape for u in noisy] == [u.features.shape for u in clean]
    assert not np.allclose(noisy[0].features, clean[0].features)
