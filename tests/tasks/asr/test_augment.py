"""Checks what each variation keeps, what it changes, and that it moves the way it says."""

import numpy as np
import pytest

from qdsl.tasks.asr.augment import (
    Augmentation,
    coloured,
    masked,
    noisy,
    resampled,
    vary,
    warp_bins,
    warp_time,
)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(3)


def ramp(frames: int, bins: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """Features whose value is 100 times the frame plus the bin."""
    return np.add.outer(100 * np.arange(frames), np.arange(bins)).astype(np.float32)


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_a_faster_tone_is_shorter_and_higher(factor: float) -> None:
    tone = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000).astype(np.float32)
    played = resampled(tone, factor)
    assert len(played) == pytest.approx(8000 / factor, abs=2)
    peak = np.abs(np.fft.rfft(played)).argmax() * 8000 / len(played)
    assert peak == pytest.approx(500 * factor, abs=2)


@pytest.mark.parametrize("decibels", [0.0, 20.0])
def test_noise_lies_as_far_below_as_asked(decibels: float, rng: np.random.Generator) -> None:
    samples = rng.standard_normal(8000, dtype=np.float32)
    noise = noisy(samples, decibels, rng) - samples
    measured = 10 * np.log10(np.mean(samples**2) / np.mean(noise**2))
    assert measured == pytest.approx(decibels, abs=0.01)


def test_warping_by_nothing_changes_nothing() -> None:
    features = ramp(9, 6)
    np.testing.assert_array_equal(warp_bins(features, 0.0, 0.0), features)
    np.testing.assert_array_equal(warp_time(features, 1.0), features)


def test_warping_reads_between_the_bins() -> None:
    features = ramp(2, 5)
    np.testing.assert_allclose(warp_bins(features, 1.0, 0.0)[0], [1, 1.75, 2.5, 3.25, 4])
    np.testing.assert_allclose(warp_bins(features, -2.0, 0.0)[0], [0, 0, 1, 2.5, 4])


def test_time_is_stretched_from_end_to_end() -> None:
    slow = warp_time(ramp(5, 3), 2.0)
    assert slow.shape == (10, 3)
    np.testing.assert_allclose(slow[:, 0], np.linspace(0, 400, 10), rtol=1e-6)
    assert warp_time(ramp(3, 3), 0.1).shape == (2, 3)


def test_masks_are_bounded_and_the_rest_is_kept(rng: np.random.Generator) -> None:
    features = 1 + ramp(300, 40)
    amount = Augmentation(band=4, pause=7)
    for _ in range(50):
        result = masked(features, amount, rng)
        kept = result != 0
        np.testing.assert_array_equal(result[kept], features[kept])
        assert (~kept).all(0).sum() <= 2 * 4
        assert (~kept).all(1).sum() <= 4 * 7


def test_the_same_seed_varies_alike() -> None:
    features = ramp(60, 40)
    first = vary(features, Augmentation(), np.random.default_rng(5))
    np.testing.assert_array_equal(vary(features, Augmentation(), np.random.default_rng(5)), first)
    other = vary(features, Augmentation(), np.random.default_rng(6))
    assert other.shape != first.shape or (other != first).any()
    assert first.dtype == np.float32


def test_a_channel_adds_one_response_to_every_frame() -> None:
    energies = np.random.default_rng(0).normal(size=(9, 40)).astype(np.float32)
    heard = coloured(energies, Augmentation(channel=0.5), np.random.default_rng(1))
    response = heard - energies
    assert heard.dtype == np.float32
    assert np.abs(response).max() > 0.1
    np.testing.assert_allclose(response, np.broadcast_to(response[:1], response.shape), atol=1e-6)


def test_no_channel_changes_nothing() -> None:
    energies = np.ones((3, 40), np.float32)
    same = coloured(energies, Augmentation(channel=0.0), np.random.default_rng(1))
    np.testing.assert_array_equal(same, energies)
