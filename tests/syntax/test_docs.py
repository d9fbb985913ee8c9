"""Checks the examples of the language reference, and that it names every word and sign."""

import re
from pathlib import Path

from qdsl.source import Source
from qdsl.syntax import format_file, parse
from qdsl.syntax.grammar import load

TEXT = (Path(__file__).parents[2] / "docs" / "language" / "syntax.md").read_text(encoding="utf-8")


def test_examples_parse_and_are_formatted() -> None:
    examples = re.findall(r"```qspec\n(.*?)```", TEXT, re.DOTALL)
    assert examples
    for example in examples:
        file, diagnostics = parse(Source("syntax.md", example))
        assert not diagnostics
        assert format_file(file) == example


def test_the_grammar_names_every_word_and_sign() -> None:
    grammar = "\n".join(line for line in TEXT.split("\n") if line.startswith("    "))
    quoted = set(re.findall(r'"([^" ]+)"', grammar))
    tables = load()
    assert quoted - set(tables.words) - set(tables.signs) == {"sparse"}
    assert set(tables.words) | set(tables.signs) <= quoted | {"const", "+=", ","}


def test_reserved_words_are_those_of_the_grammar() -> None:
    tables = load()
    reserved = {word for word, symbol in tables.words.items() if symbol in tables.reserved}
    listed = re.search(r"\*\*Reserved words\*\* name nothing: `([^`]*)`", TEXT)
    assert listed
    assert set(listed[1].split()) == reserved
