"""Runs the examples of the page on speech, one after the other."""

import re
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "speech.md").read_text(encoding="utf-8")


def test_examples(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    torch.manual_seed(0)
    values: dict[str, object] = {}
    for text in re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE):
        exec(text, values)
    lists, scores, difference = capsys.readouterr().out.splitlines()
    assert lists.count("(") == 4
    assert scores.startswith(f"{1 / 6}")
    low, high = eval(difference)
    assert low <= 0.0 <= high
