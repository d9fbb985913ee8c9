"""Holds the task to what it asks of a model."""

from pathlib import Path

import pytest

from qdsl import load_spec
from qdsl.diagnostic.model import QdslError
from qdsl.ir.model import Model
from qdsl.tasks.asr.entries import Carried, Prediction, chunk_states, prediction_of

SPECS = Path(__file__).parents[3] / "specs"
DIGITS, USM_LITE = SPECS / "digits.qspec", SPECS / "usm_lite.qspec"


@pytest.fixture
def compiled(tmp_path: Path):
    def compile_text(text: str) -> Model:
        path = tmp_path / "model.qspec"
        path.write_text("qspec 1\n" + text)
        return load_spec(path).variants["M"].model

    return compile_text


def test_digits_offers_what_the_task_calls() -> None:
    found = prediction_of(load_spec(DIGITS).variants["int4"].model)
    assert found == Prediction(1, (Carried("f32", (64,)), Carried("f32", (64,))))


def test_a_window_of_labels_is_a_state_too() -> None:
    found = prediction_of(load_spec(USM_LITE).variants["smaller"].model)
    assert found == Prediction(context=2)


def test_every_missing_entry_is_named(compiled) -> None:
    model = compiled("model M() { entry encode(x: f32[B, T, 4], n: i64[B]) { return x, n } }")
    with pytest.raises(QdslError) as raised:
        prediction_of(model)
    messages = [d.message for d in raised.value.diagnostics]
    assert messages == [
        "task `asr` needs the entry `predict`",
        "task `asr` needs the entry `join`",
    ]
    assert {d.code for d in raised.value.diagnostics} == {"Q730"}


def test_an_entry_of_another_signature_is_told_apart(compiled) -> None:
    model = compiled("model M() { entry encode(x: f32[B, T, 4]) { return x } }")
    with pytest.raises(QdslError) as raised:
        prediction_of(model)
    first = raised.value.diagnostics[0]
    assert first.message == "entry `encode` does not fit the task `asr`"
    assert "lengths: i64[B]" in (first.help or "")


TRANSDUCER = """
model M(d: int = 4) {
    table = Embedding(5, d)
    entry encode(x: f32[B, T, d], n: i64[B]) { return x, n }
    entry predict(labels: i64[B, U]) { return table(pad(labels, 1, 1, 0)) }
    entry join(f: f32[B, S, d], g: f32[B, P, d]) { return f[:, :, none] + g[:, none] }
    MORE
}
"""


def test_without_step_the_model_is_asked_for_all_labels(compiled) -> None:
    assert prediction_of(compiled(TRANSDUCER.replace("MORE", ""))) == Prediction()


def test_a_step_over_labels_and_states_is_refused(compiled) -> None:
    step = "entry step(x: i64[B, 2], h: f32[B, d]) { return table(x)[:, 0..1] + h[:, none], h }"
    with pytest.raises(QdslError, match="`step` does not fit"):
        prediction_of(compiled(TRANSDUCER.replace("MORE", step)))


def test_states_of_a_chunk(compiled) -> None:
    chunk = """entry encode_chunk(x: f32[B, T, d], h: f32[B, d, 3] = zeros, at: i64 = zeros) {
        return x, h, at + 1
    }"""
    found = chunk_states(compiled(TRANSDUCER.replace("MORE", chunk)))
    assert found == (Carried("f32", (4, 3)), Carried("i64", (), batched=False))
    assert [s.zeros(2).shape for s in found] == [(2, 4, 3), ()]


@pytest.mark.parametrize("chunk", ["", "entry encode_chunk(x: f32[B, T, d]) { return x, x }"])
def test_a_model_that_cannot_stream(compiled, chunk) -> None:
    with pytest.raises(QdslError, match="Q730"):
        chunk_states(compiled(TRANSDUCER.replace("MORE", chunk)))
