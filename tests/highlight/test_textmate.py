"""Checks the TextMate grammar: fresh, and the same colours as those of Pygments."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import qdsl
from qdsl.highlight.textmate import PLACE, textmate, written
from qdsl.highlight.walk import pieces

SHIPPED = Path(qdsl.__file__).parent / "grammar" / PLACE


def test_the_file_is_what_is_written() -> None:
    shipped = SHIPPED.read_text(encoding="utf-8")
    assert shipped == written(), "run python -m qdsl.highlight.textmate"
    assert json.loads(shipped)["scopeName"] == "source.qspec"


def test_every_include_is_there() -> None:
    included = set(_includes(textmate()))
    assert included <= {f"#{name}" for name in textmate()["repository"]}
    assert "#expression" in included


def _includes(value: Any) -> Iterator[str]:
    match value:
        case {"include": name}:
            yield name
        case dict():
            for part in value.values():
                yield from _includes(part)
        case list():
            for part in value:
                yield from _includes(part)


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A TextMate engine over Oniguruma, the library of the editors, with the shipped grammar.

    It jumps over the character behind a region that lies in one of its own kind, unless it cannot
    see that they are the same.
    """
    here = Path.cwd()
    os.chdir(tmp_path_factory.mktemp("engine"))  # importing it makes a folder
    try:
        from textmate_grammar.parser import BeginEndParser
        from textmate_grammar.parsers.base import LanguageParser
    finally:
        os.chdir(here)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BeginEndParser, "__eq__", lambda self, other: False)
        patch.setattr(BeginEndParser, "__hash__", object.__hash__)
        yield LanguageParser(json.loads(SHIPPED.read_text(encoding="utf-8")))


def test_colours_are_the_same(engine: Any, text: str) -> None:
    assert of_textmate(engine, text) == of_pieces(text)


def of_textmate(engine: Any, text: str) -> dict[int, str]:
    """The innermost scope of each character that has one."""
    starts = [0]
    for line in text.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return {
        starts[line] + column + i: scopes[-1]
        for (line, column), content, scopes in engine.parse_string(text).flatten()
        for i in range(len(content))
        if len(scopes) > 1
    }


def of_pieces(text: str) -> dict[int, str]:
    return {i: f"{scope}.qspec" for start, end, scope in pieces(text) for i in range(start, end)}
