"""Follows docs/packing.md: its spec, its Python and its commands, one after the other."""

import re
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

from qdsl.__main__ import main

PAGE = Path(__file__).parents[2] / "docs" / "packing.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_page(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    printed = StringIO()
    for kind, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        match kind:
            case "qspec":
                Path("net.qspec").write_text(text)
            case "python":
                with redirect_stdout(printed):
                    exec(text, {})
            case "console":
                for command in re.findall(r"^\$ qdsl (.*)$", text, re.MULTILINE):
                    assert main(command.split()) == 0, capsys.readouterr().err
            case _:
                raise AssertionError(kind)
    shown = capsys.readouterr().out
    assert "wrote small.qpack: " in shown
    assert re.search(r"^hidden.weight  int3\(group = 16\)  error .* -> ", shown, re.MULTILINE)
    assert re.search(r"^hidden.weight  int3\(group = 16\)  error", printed.getvalue(), re.MULTILINE)
    assert "run.0  float32 8×20×32" in shown
    assert re.search(r"^certificate  qdsl-verify/1 backend=reference/any", shown, re.MULTILINE)
