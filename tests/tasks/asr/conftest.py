"""Makes a corpus of tones that stand for words, and small recognizers of it."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from qdsl import load_spec
from qdsl.spec import Variant

RATE = 4000
TONES = {"low": 300.0, "mid": 700.0, "high": 1500.0}
BINS = 12

SPEC = """qspec 1
import std.rnnt { CtcHead, HatJoint }
import std.speech { Joint, LstmPrediction }

block Encoder(d: int) {
    map = Linear(24 -> d)
    norm = LayerNorm(d)
    lstm = LSTM(d, d)
    final = LayerNorm(d)

    forward(audio: f32[B, T, 12], lengths: i64[B]) -> f32[B, T // 2, d], i64[B] {
        pairs = reshape(audio[:, 0..T // 2 * 2], B, T // 2, 24)
        return map(pairs) |> norm |> relu |> lstm |> final, lengths // 2
    }
}

model Transducer(joint: block, d: int = 24, vocab: int = 4) {
    encoder = Encoder(d)
    prediction = LstmPrediction(vocab, 4, d)
    joiner = joint(d, vocab)

    entry encode(audio: f32[B, T, 12], lengths: i64[B]) { return encoder(audio, lengths) }
    entry predict(labels: i64[B, U]) { return prediction(labels) }
    entry step(label: i64[B, 1], h: f32[B, d] = zeros, c: f32[B, d] = zeros) {
        return prediction.step(label, h, c)
    }
    entry join(frames: f32[B, S, d], states: f32[B, P, d]) { return joiner(frames, states) }
}

model Alone(d: int = 24, vocab: int = 4) {
    encoder = Encoder(d)
    head = CtcHead(d, vocab)

    entry encode(audio: f32[B, T, 12], lengths: i64[B]) {
        x, n = encoder(audio, lengths)
        return head(x), n
    }
}

variant plain { model = Transducer(Joint) }
variant hat { model = Transducer(HatJoint) }
variant ctc { model = Alone() }
variant few { model = Transducer(Joint, vocab = 3) }
variant few_ctc { model = Alone(vocab = 3) }
"""


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 40 strings of one to three tones to train on and 12 to test on."""
    folder = tmp_path_factory.mktemp("tones")
    rng = np.random.default_rng(0)
    (folder / "tokens.txt").write_text("\n".join(("<blank>", *TONES)))
    for name, count in (("train", 40), ("test", 12)):
        lines = []
        for number in range(count):
            text = " ".join(rng.choice(list(TONES), size=int(rng.integers(1, 4))))
            soundfile.write(folder / f"{name}{number}.wav", _said(text, rng), RATE)
            lines.append(json.dumps({"audio": f"{name}{number}.wav", "text": text}))
        (folder / f"{name}.jsonl").write_text("\n".join(lines))
    return folder


def _said(text: str, rng: np.random.Generator) -> np.ndarray:
    """A tenth of a second of each tone, pauses between them, all in a little noise."""
    pieces = [np.zeros(200)]
    for word in text.split():
        size = int(rng.integers(350, 450))
        pieces += [0.5 * np.sin(2 * np.pi * TONES[word] * np.arange(size) / RATE), np.zeros(200)]
    samples = np.concatenate(pieces)
    return samples + 0.01 * rng.standard_normal(len(samples))


@pytest.fixture(scope="session")
def variant(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Variant]:
    path = tmp_path_factory.mktemp("spec") / "tones.qspec"
    path.write_text(SPEC)
    return lambda name: load_spec(path).variants[name]
