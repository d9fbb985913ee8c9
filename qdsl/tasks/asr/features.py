"""Turns samples into log mel filter banks, the input of every recognizer here."""

from typing import TypeAlias

import kaldi_native_fbank
import numpy as np
from numpy.typing import NDArray

FRAME_SECONDS = 0.01
FLOOR = np.float32(np.exp(-4.0))

Samples: TypeAlias = NDArray[np.float32]
Features: TypeAlias = NDArray[np.float32]


def fbank(
    samples: Samples, sample_rate: int, *, bins: int, seconds: float = FRAME_SECONDS
) -> Features:
    """Normalised log mel energies f32[T, bins], a frame of 25 ms after each `seconds`.

    samples f32[N] with a root mean square near 1. The energies are Kaldi's (Povey window,
    pre-emphasis 0.97, from 20 Hz to half the sample rate). The whole utterance is brought to
    mean 0 and variance 1; bins are not treated singly, because the mean over the few words of
    an utterance says more about the words than about the channel.
    """
    return normalised(log_energies(samples, sample_rate, bins=bins, seconds=seconds))


def log_energies(
    samples: Samples, sample_rate: int, *, bins: int, seconds: float = FRAME_SECONDS
) -> Features:
    """Log mel energies f32[T, bins] above a floor, of samples f32[N] with RMS near 1."""
    options = kaldi_native_fbank.FbankOptions()
    options.frame_opts.samp_freq = sample_rate
    options.frame_opts.frame_shift_ms = 1000 * seconds
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = bins
    bank = kaldi_native_fbank.OnlineFbank(options)
    bank.accept_waveform(sample_rate, samples.tolist())
    bank.input_finished()
    frames = [bank.get_frame(i) for i in range(bank.num_frames_ready)]
    energies: Features = np.log(np.exp(np.stack(frames)) + FLOOR)
    return energies


def frame_count(samples: int, sample_rate: int, seconds: float) -> int:
    """Frames that `fbank` makes of so many samples."""
    shift = int(sample_rate * seconds)
    return (samples + shift // 2) // shift


def normalised(features: Features) -> Features:
    centred = features - features.mean()
    scaled: Features = (centred / (centred.std() + 1e-5)).astype(np.float32)
    return scaled
