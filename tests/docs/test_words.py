"""Compiles the example of each word's page, and looks that every item and keyword has a page."""

import re
from pathlib import Path

import pytest

from qdsl.cli.catalog.words import PAGES, WORDS
from qdsl.source import Source
from qdsl.spec import check_spec
from qdsl.syntax import format_file, parse

GRAMMAR = (Path(__file__).parents[2] / "grammar" / "qspec.lark").read_text(encoding="utf-8")


@pytest.mark.parametrize("word", WORDS.names())
def test_the_example_of_a_word(word, tmp_path):
    page = WORDS.entry(word).page
    (text,) = re.findall(r"^```qspec\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert page.startswith(f"# {word}\n\n")
    assert re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) or word in ("selector", "dim")
    path = tmp_path / "example.qspec"
    path.write_text(text, encoding="utf-8")
    spec = check_spec(path)
    assert spec.diagnostics == ()
    assert [d for v in spec.variants.values() for d in v.findings()] == []
    file, _ = parse(Source("example.qspec", text))
    assert format_file(file) == text


def test_a_page_is_short():
    for path in PAGES.glob("*.md"):
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) < 35, path.name
        assert all(len(line) <= 110 for line in text.splitlines()), path.name


def test_every_item_has_a_page():
    items = re.search(r"^\?item: (.*?)\n\n", GRAMMAR, re.DOTALL | re.MULTILINE)[1]
    assert {*re.findall(r"\w+", items), "model"} <= set(WORDS.names())
