"""Compiles the examples of the manual: each is what its page says, and its remedy is one."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.diagnostic import codes
from qdsl.diagnostic.model import Diagnostic
from qdsl.diagnostic.render import full
from qdsl.source import Source
from qdsl.syntax import format_file, parse

FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
PAGES = [code for code in codes.names() if re.match(r"Q[1-3]|Q510", code)]

Find = Callable[..., tuple[Diagnostic, ...]]


@pytest.mark.parametrize("code", PAGES)
def test_examples(code: str, find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (language, bad), (same, good) = FENCE.findall(codes.page(code) or "")
    assert language == same
    if language == "console":
        assert bad.startswith("$ qdsl ")
        assert good.startswith("$ qdsl ")
        return
    for text in (bad, good):
        file, findings = parse(Source("example.qspec", text))
        assert not findings
        assert format_file(file) == text
    path = Path("example.qspec")
    path.write_text(bad, encoding="utf-8")
    assert {d.code for d in find(path, kernels=code == "Q510")} == {code}
    path.write_text(good, encoding="utf-8")
    left = find(path, kernels=code == "Q510")
    assert not left, full(left, color=False)
