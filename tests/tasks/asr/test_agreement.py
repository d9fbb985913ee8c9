"""Two graphs hear the same, or it is said where not and how close it was."""

import pytest
import torch
from safetensors.torch import save_file

from qdsl.__main__ import main
from qdsl.fx import load
from qdsl.fx.restore import save_frozen
from qdsl.spec import load_spec
from qdsl.tasks.asr.agreement import Agreement, Difference, agreement, is_recognizer

SPEC = """qspec 1
import std.speech { Joint, LstmPrediction }

block Encoder(d: int) {
    map = Linear(24 -> d)
    norm = LayerNorm(d)

    forward(audio: f32[B, T, 12], lengths: i64[B]) -> f32[B, T // 2, d], i64[B] {
        pairs = reshape(audio[:, 0..T // 2 * 2], B, T // 2, 24)
        return map(pairs) |> norm, lengths // 2
    }
}

model Small(d: int = 16, vocab: int = 5) {
    encoder = Encoder(d)
    prediction = LstmPrediction(vocab, 8, d)
    joint = Joint(d, vocab)

    entry encode(audio: f32[B, T, 12], lengths: i64[B]) { return encoder(audio, lengths) }
    entry predict(labels: i64[B, U]) { return prediction(labels) }
    entry step(label: i64[B, 1], h: f32[B, d] = zeros, c: f32[B, d] = zeros) {
        return prediction.step(label, h, c)
    }
    entry join(frames: f32[B, S, d], states: f32[B, P, d]) { return joint(frames, states) }
}

policy p {
    default { weights = f32 }
    **:Linear { weights = int8; activations = int8(dynamic) }
}

variant v { model = Small(); policy = p }
"""


@pytest.fixture
def made(tmp_path, monkeypatch):
    """The QAT program, its packed file, and inputs of all entries for six utterances."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asr.qspec").write_text(SPEC)
    program = load_spec("asr.qspec").variants["v"].program(seed=2).to_qat().eval()
    save_frozen(program, tmp_path / "a.safetensors")
    program.pack("a.qpack")
    torch.manual_seed(0)
    tensors = {
        "encode.audio": torch.randn(6, 14, 12),
        "encode.lengths": torch.tensor([14, 14, 12, 10, 9, 4]),
        "predict.labels": torch.randint(1, 5, (6, 3)),
        "step.label": torch.randint(1, 5, (6, 1)),
        "join.frames": torch.randn(6, 7, 16),
        "join.states": torch.randn(6, 4, 16),
    }
    save_file(tensors, "in.safetensors")
    return program, tensors


def test_the_trained_and_the_packed_graph_hear_the_same(made):
    program, tensors = made
    assert is_recognizer(program)
    packed = load("a.qpack", "reference")
    found = agreement(program, packed, tensors["encode.audio"], tensors["encode.lengths"])
    assert found == Agreement(6, ())
    assert str(found) == "tokens: the same in 6 of 6 utterances"
    assert found.ok


def test_other_tokens_are_listed_with_their_margin(made):
    program, tensors = made
    packed = load("a.qpack", "reference")
    with torch.no_grad():
        program.get_parameter("joint.output.bias").mul_(-1).add_(torch.arange(5.0))
    found = agreement(program, packed, tensors["encode.audio"], tensors["encode.lengths"])
    assert found.differences
    assert not found.ok
    assert found.same + len(found.differences) == 6
    assert all(d.margin >= 0 for d in found.differences)
    first = found.differences[0]
    assert f"  utterance {first.utterance} differs; its smallest margin is" in str(found)


def test_enough_are_the_same():
    assert Agreement(200, (Difference(3, 0.1),)).ok
    assert not Agreement(199, (Difference(3, 0.1),)).ok


def test_verify_tells_of_tokens(made, capsys):
    files = ("--checkpoint", "a.safetensors", "--inputs", "in.safetensors")
    assert main(["verify", "asr.qspec", "a.qpack", *files, "--backend", "reference"]) == 0
    assert capsys.readouterr().out.endswith("tokens: the same in 6 of 6 utterances\n")
