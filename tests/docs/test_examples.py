"""Runs the examples of the README and the documentation."""

import re
import shutil
from pathlib import Path

import pytest
import torch

from qdsl.__main__ import main
from qdsl.source import Source
from qdsl.spec import check_spec
from qdsl.syntax import format_file, parse

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPEC = re.compile(r"(#.*\n|\n)*qspec 1\n")

EXAMPLES = [
    pytest.param(text, id=f"{page.stem}-{i}")
    for page in PAGES
    for i, (kind, text) in enumerate(FENCE.findall(page.read_text(encoding="utf-8")))
    if SPEC.match(text) and kind != "qspec draft"  # that one has mistakes: test_tutorial.py
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory, with the specs that examples name."""
    shutil.copytree(ROOT / "specs", tmp_path / "specs")
    (tmp_path / "qdsl.toml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_there_are_examples():
    pages = {example.id.rpartition("-")[0] for example in EXAMPLES}
    assert {"README", "syntax", "meaning", "library"} <= pages


@pytest.mark.parametrize("text", EXAMPLES)
def test_specs(text, folder):
    (folder / "example.qspec").write_text(text)
    spec = check_spec("example.qspec")
    assert spec.diagnostics == ()
    # an example says what is found in it
    found = {d.code for v in spec.variants.values() for d in v.findings()}
    assert found == set(re.findall(r"^# (Q\d+):", text, re.MULTILINE))
    file, _ = parse(Source("example.qspec", text))
    assert format_file(file) == text


COMMANDS = re.findall(r"^qdsl (.*?)(?:\s+#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("command", COMMANDS)
def test_commands(command, folder, capsys):
    before = (folder / "specs" / "digits.qspec").read_bytes()
    # where no arguments with spaces stand, words are arguments
    assert main(command.split()) == 0
    assert capsys.readouterr().err == ""
    assert (folder / "specs" / "digits.qspec").read_bytes() == before


def test_commands_are_those_of_the_readme():
    assert {command.split()[0] for command in COMMANDS} >= {"check", "size", "diff", "why", "fmt"}


def test_python(folder, capsys):
    """The README's program, untrained, on noise."""
    ((_, text),) = [f for f in FENCE.findall(README) if f[0] == "python"]
    torch.manual_seed(0)
    values = {"audio": torch.randn(1, 24, 40), "lengths": torch.tensor([24])}
    exec(text, values)
    predicted = int(capsys.readouterr().out)
    assert predicted == (folder / "digits.qpack").stat().st_size
    assert values["frames"].shape == (1, 3, 128)
    assert values["lengths"].tolist() == [3]
