"""Runs the examples of docs/training.md: three loops that train a program alike."""

import re
from pathlib import Path

import pytest
import torch

from qdsl import load, load_spec
from qdsl.__main__ import main
from qdsl.fx import observer
from qdsl.fx.quantizer import Quantizer

TEXT = (Path(__file__).parents[2] / "docs" / "training.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BLOCKS = FENCE.findall(TEXT)
BEGIN, *LOOPS = [text for kind, text in BLOCKS if kind == "python"]
(SPEC,) = [text for kind, text in BLOCKS if kind == "qspec"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.qspec").write_text(SPEC)
    torch.set_num_threads(1)
    return tmp_path


def losses(loop: str) -> list[float]:
    """Of each step of the loop, after which the packed file is as large as was said."""
    values: dict[str, object] = {"__name__": "training"}
    exec(BEGIN, values)
    exec(loop, values)
    size = load_spec("net.qspec").variants["small"].size().total_bytes
    assert Path("small.qpack").stat().st_size == size
    load("small.qpack", backend="reference")
    found = values["losses"]
    assert isinstance(found, list)
    return found


@pytest.mark.filterwarnings("ignore")  # of Lightning, on this machine
def test_three_loops_train_alike() -> None:
    own, lightning, accelerate = map(losses, LOOPS)
    assert len(own) == 20
    assert own[-1] < own[0]
    assert own == lightning == accelerate


def test_the_command_leaves_the_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = re.findall(r"^\$ qdsl (train .*)$", TEXT, re.MULTILINE)
    (folder / "text").mkdir()
    (folder / "text" / "a.md").write_text(TEXT)
    (folder / "net.qspec").write_text(re.sub(r"steps = \d+|every = \d+", shorter, SPEC))
    assert main(command.split()) == 0
    left = {path.name for path in (folder / "trained" / "small").iterdir()}
    table, _, _ = TEXT.partition("**Stages.**")
    assert left == set(re.findall(r"^\| `([\w.]+)/?` \|", table, re.MULTILINE))
    printed = capsys.readouterr().out
    assert [line.split()[0] for line in printed.splitlines()][:4] == [
        *("stage", "float", "sparse", "qat"),
    ]


def shorter(match: re.Match[str]) -> str:
    """A number of steps that a test may take."""
    return "steps = 12" if match[0].startswith("steps") else "every = 3"


def test_every_field_of_a_state_is_listed() -> None:
    weights = ("step", *Quantizer._FOUND, *Quantizer._FROZEN)
    assert set(re.findall(r"`p\.q\.(\w+)`(?=.* \| \w+ \[)", TEXT)) == {*weights}
    assert set(re.findall(r"`l\.input\.q\.(\w+)`(?=.* \| \w+ \[)", TEXT)) == {*observer._FIELDS}
