"""Decodes what a model trained with the connectionist loss gives, greedily."""

from typing import Protocol

import torch
from torch import Tensor

from qdsl.tasks.asr.tokens import BLANK


class Encoder(Protocol):
    """A model whose frames are (log-probabilities of) labels."""

    def encode(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """f32[B, T, bins], i64[B] to logits f32[B, S, V] and their number i64[B]."""


@torch.no_grad()
def ctc_greedy(model: Encoder, audio: Tensor, lengths: Tensor) -> list[list[int]]:
    """The ids of each utterance: best symbol of each frame, runs of one made one, no blanks."""
    logits, ends = model.encode(audio, lengths)
    best = logits.argmax(-1).tolist()
    return [collapsed(row[:end]) for row, end in zip(best, ends.tolist(), strict=True)]


def collapsed(path: list[int]) -> list[int]:
    """The ids that a path through the frames stands for."""
    changes = [symbol for n, symbol in enumerate(path) if n == 0 or symbol != path[n - 1]]
    return [symbol for symbol in changes if symbol != BLANK]
