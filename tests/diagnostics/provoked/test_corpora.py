"""Provokes what is found in a corpus of one's own, and in a teacher that does not fit."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from qdsl.diagnostic.model import QdslError
from qdsl.tasks.asr.manifest import read_corpus
from qdsl.tasks.asr.objective import Encoded
from qdsl.tasks.asr.training import check_teacher

Refused = Callable[[str, Callable[[], object]], None]

GOOD = '{"audio": "one.wav", "text": "one"}'


def corpus(*lines: str) -> None:
    """A corpus in the current folder, whose training manifest holds those lines besides."""
    rng = np.random.default_rng(0)
    soundfile.write("one.wav", rng.uniform(-0.5, 0.5, 800), 8000)
    soundfile.write("fast.wav", rng.uniform(-0.5, 0.5, 800), 16000)
    soundfile.write("short.wav", rng.uniform(-0.5, 0.5, 8), 8000)
    Path("torn.wav").write_bytes(Path("one.wav").read_bytes()[:30])
    Path("tokens.txt").write_text("<blank>\none\ntwo\n")
    Path("train.jsonl").write_text("\n".join((GOOD, *lines)))
    Path("test.jsonl").write_text(GOOD)


def line(audio: str, text: str) -> str:
    return json.dumps({"audio": audio, "text": text})


def read() -> object:
    return read_corpus(Path(), frame_seconds=0.01)


def test_lines_that_are_no_utterances(refused: Refused) -> None:
    corpus("one.wav one", "[]", '{"audio": "one.wav"}', line("one.wav", " "))
    refused("Q732", read)


def test_a_text_of_other_tokens(refused: Refused) -> None:
    corpus(line("one.wav", "one hundred two"))
    refused("Q733", read)


def test_recordings_that_cannot_be_used(refused: Refused) -> None:
    corpus(*(line(name, "two") for name in ("gone.wav", "torn.wav", "fast.wav", "short.wav")))
    refused("Q734", read)


def test_a_teacher_of_other_frames(refused: Refused) -> None:
    def encoded(frames: int) -> Encoded:
        return Encoded(torch.zeros(1, frames, 4), torch.tensor([frames]), None)

    refused("Q735", lambda: check_teacher(encoded(25), encoded(12)))


def test_a_teacher_of_other_labels() -> None:
    def encoded(labels: int) -> Encoded:
        return Encoded(torch.zeros(1, 5, labels), torch.tensor([5]), None)

    check_teacher(encoded(4), encoded(4))
    with pytest.raises(QdslError, match=r"Q735\] the teacher gives 9 labels"):
        check_teacher(encoded(4), encoded(9))
