"""Cuts speech into chunks and holds what is heard of them to what is heard of the whole."""

from pathlib import Path

import pytest
import torch

from qdsl import load_spec
from qdsl.diagnostic.model import QdslError
from qdsl.fx.program import Program
from qdsl.tasks.asr.decode import greedy
from qdsl.tasks.asr.decode_stream import Streaming
from qdsl.tasks.asr.entries import prediction_of

SPEC = """qspec 1
import std.rnnt {{ HatJoint, StatelessPrediction }}
import std.speech {{ Joint, LstmPrediction, ReducedPrediction }}

model M(d: int = 8, vocab: int = 5) {{
    lstm = LSTM(d, d)
    prediction = {prediction}
    joiner = {joint}(d, vocab)

    entry encode(audio: f32[B, T, d], lengths: i64[B]) {{ return lstm(audio), lengths }}
    {chunk}
    entry predict(labels: i64[B, U]) {{ return prediction(labels) }}
    {step}
    entry join(frames: f32[B, S, d], states: f32[B, P, d]) {{ return joiner(frames, states) }}
}}
"""
CHUNK = """entry encode_chunk(audio: f32[B, T, d], h: f32[B, d] = zeros, c: f32[B, d] = zeros) {
        y, h, c = lstm.step(audio, h, c)
        return y, h, c
    }"""
STATES = "label: i64[B, 1], h: f32[B, d] = zeros, c: f32[B, d] = zeros"
KINDS = {
    "lstm": (
        "LstmPrediction(vocab, 4, d)",
        f"entry step({STATES}) {{ return prediction.step(label, h, c) }}",
    ),
    "stateless": (
        "StatelessPrediction(vocab, d, context = 3)",
        "entry step(labels: i64[B, 3]) { return prediction.last(labels) }",
    ),
    "reduced": (
        "ReducedPrediction(vocab, d)",
        "entry step(labels: i64[B, 2]) { return prediction.last(labels) }",
    ),
    "without step": ("ReducedPrediction(vocab, d)", ""),
}


@pytest.fixture
def program(tmp_path: Path):
    def make(kind: str, *, joint: str = "Joint", chunk: str = CHUNK) -> Program:
        prediction, step = KINDS[kind]
        path = tmp_path / "model.qspec"
        path.write_text(SPEC.format(prediction=prediction, joint=joint, step=step, chunk=chunk))
        made = load_spec(path).variants["M"].program(seed=3).eval()
        with torch.no_grad():  # sure of itself, and of different things
            made.joiner.output.weight.mul_(6.0)
            made.joiner.frames.weight.mul_(5.0)
            made.joiner.output.bias[0] = -1.0 if joint == "HatJoint" else 0.0
        return made

    return make


def speech(frames: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return 2 * torch.randn(2, frames, 8, generator=generator)


@pytest.mark.parametrize("joint", ["Joint", "HatJoint"])
@pytest.mark.parametrize("kind", KINDS)
def test_chunks_are_heard_as_the_whole(program, kind: str, joint: str) -> None:
    model = program(kind, joint=joint)
    audio = speech(12)
    lengths = torch.tensor([12, 12])
    whole = greedy(model, audio, lengths, prediction=prediction_of(model.ir))
    assert 4 < sum(map(len, whole)) < 90
    streaming = Streaming(model)
    stream = streaming.start(2)
    found: list[list[int]] = [[], []]
    for chunk in audio.split([1, 5, 3, 1, 2], dim=1):
        stream, new = streaming.hear(stream, chunk)
        found = [ids + more for ids, more in zip(found, new, strict=True)]
    assert found == whole


def test_frames_may_come_from_elsewhere_and_a_state_is_gone_on_from_twice(program) -> None:
    model = program("lstm")
    frames = speech(9)
    streaming = Streaming(model)
    middle, first = streaming.follow(streaming.start(2), frames[:, :4])
    _, one = streaming.follow(middle, frames[:, 4:])
    _, again = streaming.follow(middle, frames[:, 4:])
    _, whole = streaming.follow(streaming.start(2), frames)
    assert one == again
    assert [a + b for a, b in zip(first, one, strict=True)] == whole


def test_hearing_needs_an_encoder_of_chunks(program) -> None:
    model = program("lstm", chunk="")
    streaming = Streaming(model)
    with pytest.raises(QdslError, match=r"Q730\] streaming needs the entry `encode_chunk`"):
        streaming.hear(streaming.start(2), speech(3))
