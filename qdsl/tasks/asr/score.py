"""Scores what was recognized against what was said: word error rate, with its uncertainty."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
from numpy.typing import NDArray

from qdsl.tasks.asr import tokens

RESAMPLES = 10_000


@dataclass(frozen=True, slots=True)
class Score:
    """Errors (substitutions, deletions, insertions) and words said, of each utterance."""

    errors: tuple[int, ...]
    words: tuple[int, ...]

    @property
    def wer(self) -> float:
        """Word error rate: all errors over all words said."""
        return sum(self.errors) / sum(self.words)


def score(
    references: Sequence[Sequence[int]],
    hypotheses: Sequence[Sequence[int]],
    *,
    text: Callable[[Sequence[int]], str] = tokens.text,
) -> Score:
    """Aligns the words of ids, by utterance; `text` gives them. No reference may be empty."""
    said, heard = list(map(text, references)), list(map(text, hypotheses))
    errors = tuple(word_errors(a, b) for a, b in zip(said, heard, strict=True))
    return Score(errors, tuple(len(words.split()) for words in said))


def word_errors(said: str, heard: str) -> int:
    """Words to substitute, delete and insert to get from one text to the other."""
    found = jiwer.process_words(said, heard)
    return int(found.substitutions + found.deletions + found.insertions)


def interval(found: Score, *, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
    """Percentile bootstrap interval of the word error rate, over utterances.

    Bisani and Ney, "Bootstrap estimates for confidence intervals in ASR" (2004).
    """
    draws = _draws(len(found.words), seed)
    return _percentiles(_rates(found, draws), level)


def paired_interval(
    first: Score, second: Score, *, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Bootstrap interval of second's word error rate less first's, on the same utterances.

    Raises ValueError where the two scores are not of the same utterances.
    """
    if first.words != second.words:
        raise ValueError("the scores are not of the same utterances")
    draws = _draws(len(first.words), seed)
    return _percentiles(_rates(second, draws) - _rates(first, draws), level)


def _draws(utterances: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(utterances, size=(RESAMPLES, utterances))


def _rates(found: Score, draws: NDArray[np.int64]) -> NDArray[np.float64]:
    errors, words = np.array(found.errors), np.array(found.words)
    rates: NDArray[np.float64] = errors[draws].sum(1) / words[draws].sum(1)
    return rates


def _percentiles(rates: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
