"""Holds formatting to its laws, and the laws to finding what breaks them."""

from random import Random

import pytest

from qdsl.source import Source
from qdsl.syntax import format_file, parse, tree
from tests.fuzz import laws
from tests.fuzz.sentences import sentences
from tests.fuzz.spacing import spaced

TEXT = """qspec 1

const a = 1  # one
const b = f(x, y)

block A() {
    # two
    m = Linear(1 -> 2)
}
"""


def parsed(text: str) -> tree.File:
    file, diagnostics = parse(Source("test.qspec", text))
    assert not diagnostics, text
    return file


@pytest.mark.parametrize("number", range(120))
def test_formatting_keeps_to_its_laws(number: int) -> None:
    random = Random(number)
    text = spaced(sentences().draw(random, items=1), random)
    file, diagnostics = parse(Source("test.qspec", text))
    if not diagnostics:
        assert list(laws.broken(file)) == [], text


@pytest.mark.parametrize(
    ("old", "new", "law"),
    [
        ("  # one", "", "the comments are not the same"),
        ("1  # one", "1   # one", "formatting twice is not formatting once"),
        ("  # one\nconst b = f(x, y)", "\nconst b = f(x, y)  # one", "`# one` moves from"),
        (
            "    # two\n    m = Linear(1 -> 2)\n}",
            "    m = Linear(1 -> 2)\n}\n# two",
            "`# two` moves",
        ),
        ("f(x, y)", "f(y, x)", "parses to another tree"),
        ("f(x, y)", "f(x, y", "does not parse"),
        ("1  # one", "1  # one ", "ends in spaces"),
    ],
)
def test_the_laws_find_what_breaks_them(
    old: str, new: str, law: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(file: tree.File) -> str:
        text = file.source.text
        return text.replace(old, new) if text == TEXT else format_file(file)

    assert list(laws.broken(parsed(TEXT))) == []
    monkeypatch.setattr(laws, "format_file", mistaken)
    assert any(law in found for found in laws.broken(parsed(TEXT)))
