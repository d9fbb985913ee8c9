"""Collapses paths through frames."""

import pytest
import torch
from torch import Tensor

from qdsl.tasks.asr.decode_ctc import collapsed, ctc_greedy


@pytest.mark.parametrize(
    ("path", "ids"),
    [([], []), ([0, 0], []), ([1, 1, 2], [1, 2]), ([1, 0, 1, 1, 0], [1, 1]), ([3], [3])],
)
def test_runs_are_one_and_blanks_none(path: list[int], ids: list[int]) -> None:
    assert collapsed(path) == ids


def test_frames_behind_the_end_are_not_heard() -> None:
    class Model:
        def encode(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
            return torch.eye(4)[audio[..., 0].long()], lengths

    audio = torch.tensor([[1, 1, 0, 1, 2], [3, 2, 2, 1, 1]])[..., None]
    assert ctc_greedy(Model(), audio, torch.tensor([5, 3])) == [[1, 1, 2], [3, 2]]
