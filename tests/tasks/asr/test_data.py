"""Splices and batches made-up clips, whose content tells where they ended up."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from qdsl.tasks.asr.data import MAX_DIGITS, Batch, batches, collate, evaluation_set, splice
from qdsl.tasks.asr.features import Samples
from qdsl.tasks.asr.recordings import SAMPLE_RATE, Clip, Recordings, levelled
from qdsl.train.task import Share


@pytest.fixture(scope="module")
def recordings() -> Recordings:
    rng = np.random.default_rng(0)

    def clip(digit: int) -> Clip:
        noise = rng.standard_normal(int(rng.integers(1200, 3000)), dtype=np.float32)
        return Clip(digit, levelled(noise))

    speakers = {name: tuple(clip(n % 10) for n in range(30)) for name in ("ada", "bob")}
    return Recordings(Path("made-up"), speakers)


def test_splicing_keeps_the_clips_and_leaves_gaps() -> None:
    clips: list[Samples] = [np.full(n, k + 1, np.float32) for k, n in enumerate((900, 700, 800))]
    samples, places = splice(clips, np.random.default_rng(1))
    for clip, (begin, end) in zip(clips, places, strict=True):
        np.testing.assert_array_equal(samples[begin:end], clip)
    assert places[0, 0] == 0
    assert places[-1, 1] == len(samples)
    gaps = (places[1:, 0] - places[:-1, 1]) / SAMPLE_RATE
    assert ((gaps >= 0.0299) & (gaps <= 0.2501)).all()
    assert np.count_nonzero(samples) == 2400


def test_the_evaluation_set_uses_every_clip_once(recordings: Recordings) -> None:
    found = evaluation_set(recordings, "bob", bins=20)
    said = sorted(token for utterance in found for token in utterance.ids)
    assert said == sorted(clip.digit + 1 for clip in recordings.clips["bob"])
    assert all(1 <= len(utterance.ids) <= MAX_DIGITS for utterance in found)
    seconds = sum(len(clip.samples) for clip in recordings.clips["bob"]) / SAMPLE_RATE
    assert sum(utterance.seconds for utterance in found) >= seconds
    again = evaluation_set(recordings, "bob", bins=20)
    assert [u.ids for u in again] == [u.ids for u in found]
    lengths = [len(utterance.features) for utterance in found]
    assert lengths == sorted(lengths)


def test_batches_go_on_where_they_were_broken_off(recordings: Recordings) -> None:
    def stream(start: int, count: int) -> list[torch.Tensor]:
        made = batches(recordings, ["ada"], bins=20, words=8, seed=4, start=start)
        return [batch.audio for batch in islice(made, count)]

    whole, rest = stream(0, 5), stream(3, 2)
    assert all(torch.equal(a, b) for a, b in zip(whole[3:], rest, strict=True))
    assert not torch.equal(whole[0], whole[1])


def test_a_batch_fits_together(recordings: Recordings) -> None:
    for batch in islice(batches(recordings, ["ada", "bob"], bins=20, words=8, seed=0), 8):
        size, labels = batch.targets.shape
        assert batch.audio.shape == (size, int(batch.lengths.max()), 20)
        assert batch.target_lengths.tolist() == [labels] * size
        assert 4 <= size * labels <= 12
        assert ((batch.targets >= 1) & (batch.targets <= 10)).all()
        assert ((batch.history == batch.targets) | (batch.history == 0)).all()


def test_only_the_named_speakers_are_heard(recordings: Recordings) -> None:
    only_eights = Recordings(
        recordings.folder,
        {"ada": recordings.clips["ada"], "eve": (recordings.clips["bob"][8],)},
    )
    batch = next(batches(only_eights, ["eve"], bins=20, words=6, seed=0))
    assert (batch.targets == 9).all()


def test_collating_pads_with_zeros(recordings: Recordings) -> None:
    utterances = evaluation_set(recordings, "ada", bins=20)[:3]
    batch = collate(utterances)
    for row, utterance in enumerate(utterances):
        frames, labels = len(utterance.features), len(utterance.ids)
        np.testing.assert_array_equal(batch.audio[row, :frames].numpy(), utterance.features)
        assert not batch.audio[row, frames:].any()
        assert tuple(batch.targets[row, :labels].tolist()) == utterance.ids
        assert batch.lengths[row] == frames
        assert batch.target_lengths[row] == labels
    assert torch.equal(batch.history, batch.targets)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_processes_share_the_utterances_of_a_batch(recordings: Recordings, count: int) -> None:
    """Of 8 words; strings of 8 are one utterance, which only the first of them has."""

    def third(share: Share) -> Batch:
        made = batches(
            recordings, ["ada"], bins=20, words=8, seed=4, share=share, max_digits=8, start=2
        )
        return next(made)

    whole = third(Share())
    parts = [third(Share(rank, count)) for rank in range(count)]
    for rank, part in enumerate(parts):
        expected = whole.history[rank::count]
        if not len(expected):
            assert part.labels == part.utterances == float("inf")
            continue
        assert torch.equal(part.history, expected)
        assert torch.equal(part.audio, whole.audio[rank::count])
        assert part.labels * count == whole.labels == whole.targets.numel()
        assert part.utterances * count == whole.utterances
