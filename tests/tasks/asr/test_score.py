"""Checks the error rate by hand, and its interval against the binomial one."""

import numpy as np
import pytest

from qdsl.tasks.asr.score import Score, interval, paired_interval, score
from qdsl.tasks.asr.tokens import Vocabulary


def test_substitutions_deletions_and_insertions_count_one_each() -> None:
    found = score([[1, 2, 3], [4], [5, 6]], [[1, 9, 3], [], [5, 6, 6]])
    assert found.errors == (1, 1, 1)
    assert found.words == (3, 1, 2)
    assert found.wer == 0.5


def test_the_interval_is_that_of_independent_words() -> None:
    errors = tuple(int(x) for x in np.random.default_rng(0).random(500) < 0.1)
    found = Score(errors, (1,) * 500)
    low, high = interval(found)
    spread = 1.96 * np.sqrt(found.wer * (1 - found.wer) / 500)
    assert low == pytest.approx(found.wer - spread, abs=0.004)
    assert high == pytest.approx(found.wer + spread, abs=0.004)


def test_pairing_removes_what_both_have_in_common() -> None:
    first = Score((3, 0, 0, 1, 2, 0) * 20, (4, 3, 2, 5, 6, 1) * 20)
    assert paired_interval(first, first) == (0.0, 0.0)
    worse = Score(tuple(e + (i == 0) for i, e in enumerate(first.errors)), first.words)
    low, high = paired_interval(first, worse)
    assert low == 0.0
    assert 0.0 < high < 0.02
    assert interval(first)[1] - interval(first)[0] > 0.05


def test_scores_of_other_utterances_are_not_paired() -> None:
    with pytest.raises(ValueError, match="same utterances"):
        paired_interval(Score((0,), (2,)), Score((0,), (3,)))


def test_the_paired_interval_is_that_of_independent_differences() -> None:
    """500 utterances of two words; the second system errs once more on 5 %, less on 2 %."""
    draws = np.random.default_rng(1).random(500)
    change = (draws < 0.05).astype(int) - ((draws > 0.5) & (draws < 0.52))
    first = Score((1,) * 500, (2,) * 500)
    second = Score(tuple(int(1 + c) for c in change), first.words)
    low, high = paired_interval(first, second)
    middle, spread = change.mean() / 2, 1.96 * change.std() / 2 / np.sqrt(500)
    assert low == pytest.approx(middle - spread, abs=0.002)
    assert high == pytest.approx(middle + spread, abs=0.002)
    assert paired_interval(first, second) == (low, high)
    assert paired_interval(first, second, seed=1) != (low, high)
    assert paired_interval(second, first) == pytest.approx((-high, -low))


def test_words_of_characters_are_scored_as_words() -> None:
    letters = Vocabulary(("-", "<space>", "a", "b"))
    found = score([letters.encode("ab a b")], [letters.encode("ab b b b")], text=letters.text)
    assert found == Score((2,), (3,))
