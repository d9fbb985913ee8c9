"""Compiles the examples of the manual: each is what its page says, and its remedy is one."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.diagnostic import codes
from qdsl.diagnostic.model import Diagnostic
from qdsl.diagnostic.render import full
from qdsl.size.lock import lock_path
from qdsl.source import Source
from qdsl.syntax import format_file, parse

FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
PATH = Path("example.qspec")
# what is found when a graph is built or trained
LATER = {"Q504", "Q522", "Q711", "Q717", "Q730", "Q743"}
KERNELS = {"Q510", "Q530", "Q531"}

Find = Callable[..., tuple[Diagnostic, ...]]


def examples(code: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """The fenced blocks of a page, language and text: of its example, and of its remedy."""
    example, remedy = (codes.page(code) or "").split("## Example\n")[1].split("## Use instead\n")
    return FENCE.findall(example), FENCE.findall(remedy)


def specs(code: str) -> tuple[list[str], list[str]]:
    """Those that are specs."""
    example, remedy = examples(code)
    return [t for name, t in example if name == "qspec"], [
        t for name, t in remedy if name == "qspec"
    ]


PAGES = [code for code in codes.names() if not code.startswith("Q0")]
COMPILED = [code for code in PAGES if any(specs(code))]


@pytest.mark.parametrize("code", PAGES)
def test_examples_are_told_by_their_language(code: str) -> None:
    example, remedy = examples(code)
    assert example
    for language, text in (*example, *remedy):
        assert language in ("qspec", "console", "python", "yaml")
        if language == "console":
            assert re.match(r"\$ (QDSL_DATA=\S+ )?(qdsl|make|rm) ", text)


def test_most_examples_are_compiled() -> None:
    rest = {code for code in PAGES if code not in COMPILED}
    assert {code for code in rest if re.match(r"Q[1-4]|Q51|Q70", code)} <= {"Q316", "Q317"}


@pytest.mark.parametrize("code", COMPILED)
def test_examples(code: str, find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (bad,), good = specs(code)
    for text in (bad, *good):
        file, findings = parse(Source("example.qspec", text))
        assert not findings
        assert format_file(file) == text
    for language, text in examples(code)[0]:
        if language == "yaml":
            lock_path(PATH).write_text(text, encoding="utf-8")

    def found(text: str) -> tuple[Diagnostic, ...]:
        PATH.write_text(text, encoding="utf-8")
        return find(PATH, kernels=code in KERNELS, fits=code != "Q404", entries=code == "Q221")

    assert {d.code for d in found(bad)} == {code} - LATER
    for text in good:
        assert not found(text), full(found(text), color=False)
