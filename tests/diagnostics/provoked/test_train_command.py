"""Provokes what `qdsl train` finds in a recipe, its data, its folder and its teachers."""

from collections.abc import Callable
from pathlib import Path

import pytest

Said = Callable[..., None]

SPEC = """qspec 1

model Net(d: int = 4) {
    embedding = Embedding(256, d)
    output = Linear(d -> 256)

    entry score(ids: i64[B, T]) { return embedding(ids) |> output }
}

recipe short {
    task = language(context = 4)
    batch = 2
    stage float { steps = 2; lr = %s }
    stage qat { steps = 2; %s }
}

variant small {
    model = Net()
    recipe = short
}

variant large {
    model = Net(d = 8)
    recipe = short
    recipe.qat.distill = none
}

variant untold { model = Net() }
"""


@pytest.fixture(autouse=True)
def text() -> None:
    Path("text.md").write_text("To train on.\n" * 40)


def spec(rate: str = "1e-3", more: str = "") -> None:
    Path("net.qspec").write_text(SPEC % (rate, more))


def train(said: Said, code: str, *arguments: str, variant: str = "small") -> None:
    said(code, "train", f"net.qspec#{variant}", "--data", "text.md", *arguments)


def test_a_variant_without_a_recipe(said: Said) -> None:
    spec()
    train(said, "Q743", variant="untold")


def test_a_damaged_checkpoint(said: Said) -> None:
    spec()
    folder = Path("trained/small/checkpoint")
    folder.mkdir(parents=True)
    (folder / "state.safetensors").write_bytes(b"not a state")
    train(said, "Q715")


def test_a_loss_that_is_not_finite(said: Said) -> None:
    spec(rate="9e5; optimizer = adamw(weight_decay = 9e5)")
    train(said, "Q716")


def test_data_that_has_no_text(said: Said) -> None:
    Path("empty").mkdir()
    spec()
    train(said, "Q731", "--task", "suffix=.rst", "--data", "empty")


def test_a_folder_of_another_training(said: Said, capsys: pytest.CaptureFixture[str]) -> None:
    from qdsl.__main__ import main

    spec()
    assert main(["train", "net.qspec#small", "--data", "text.md"]) == 0
    capsys.readouterr()
    spec(rate="2e-3")
    train(said, "Q740")


def test_a_teacher_that_is_not_trained(said: Said) -> None:
    spec(more="distill = variant(large)")
    train(said, "Q741")


def test_a_value_that_nobody_computes(said: Said) -> None:
    spec(more="distill = stage(float, match = [outputs])")
    train(said, "Q742")


def test_a_device_that_is_not_there(said: Said) -> None:
    spec()
    train(said, "Q744", "--device", "nowhere")
