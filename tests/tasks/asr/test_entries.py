"""Holds the task to what it asks of a model."""

from pathlib import Path

import pytest

from qdsl import load_spec
from qdsl.diagnostic.model import QdslError
from qdsl.ir.model import Model
from qdsl.tasks.asr.entries import check_entries, state_shape

DIGITS = Path(__file__).parents[3] / "specs" / "digits.qspec"


@pytest.fixture
def compiled(tmp_path: Path):
    def compile_text(text: str) -> Model:
        path = tmp_path / "model.qspec"
        path.write_text("qspec 1\n" + text)
        return load_spec(path).variants["M"].model

    return compile_text


def test_digits_offers_what_the_task_calls() -> None:
    model = load_spec(DIGITS).variants["int4"].model
    check_entries(model)
    assert state_shape(model) == (64,)


def test_every_missing_entry_is_named(compiled) -> None:
    model = compiled("model M() { entry encode(x: f32[B, T, 4], n: i64[B]) { return x, n } }")
    with pytest.raises(QdslError) as raised:
        check_entries(model)
    messages = [d.message for d in raised.value.diagnostics]
    assert messages == [
        "task `asr` needs the entry `predict`",
        "task `asr` needs the entry `step`",
        "task `asr` needs the entry `join`",
    ]
    assert {d.code for d in raised.value.diagnostics} == {"Q730"}


def test_an_entry_of_another_signature_is_told_apart(compiled) -> None:
    model = compiled("model M() { entry encode(x: f32[B, T, 4]) { return x } }")
    with pytest.raises(QdslError) as raised:
        check_entries(model)
    first = raised.value.diagnostics[0]
    assert first.message == "entry `encode` does not fit the task `asr`"
    assert "lengths: i64[B]" in (first.help or "")
