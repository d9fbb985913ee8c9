"""Adds noise to the utterances of a test, the same each time: another condition to be heard in."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from qdsl.tasks.asr.features import Samples
from qdsl.tasks.asr.recordings import Clip, Recordings

VOICES = 6
"""That speak at once in a babble."""


@dataclass(frozen=True, slots=True)
class Noise:
    """What an utterance is heard in, and how far below it, in dB.

    `white` is Gaussian; `babble` is the sum of voices that each say one digit after the other.
    """

    kind: Literal["white", "babble"]
    decibels: float
    seed: int = 0


CONDITIONS: Mapping[str, Noise | None] = MappingProxyType(
    {"clean": None, "white": Noise("white", 6.0), "babble": Noise("babble", 12.0)}
)
"""What the held-out speaker of the digits is heard in: either noise has the float recognizer of
`specs/digits.qspec` err in 10 to 20 % of the words."""


@dataclass(frozen=True, slots=True, eq=False)
class Noises:
    """A noise made of the clips of all speakers but one."""

    noise: Noise
    recordings: Recordings
    without: str

    def over(self, samples: Samples, number: int) -> Samples:
        """Samples f32[N] of utterance `number` in the noise: a function of the two."""
        rng = np.random.default_rng((self.noise.seed, number))
        match self.noise.kind:
            case "white":
                noise = rng.standard_normal(len(samples))
            case "babble":
                noise = np.sum([self._voice(len(samples), rng) for _ in range(VOICES)], axis=0)
        level = _rms(samples) / _rms(noise) * 10 ** (-self.noise.decibels / 20)
        heard: Samples = (samples + level * noise).astype(np.float32)
        return heard

    def _voice(self, size: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """f64[size] of one speaker, from the middle of a word on."""
        names = sorted(set(self.recordings.clips) - {self.without})
        clips: tuple[Clip, ...] = self.recordings.clips[names[int(rng.integers(len(names)))]]
        said = [clips[int(rng.integers(len(clips)))].samples]
        begin = int(rng.integers(len(said[0])))
        while sum(map(len, said)) < begin + size:
            said.append(clips[int(rng.integers(len(clips)))].samples)
        voice: NDArray[np.float64] = np.concatenate(said)[begin : begin + size].astype(np.float64)
        return voice


def _rms(samples: NDArray[np.floating]) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))
