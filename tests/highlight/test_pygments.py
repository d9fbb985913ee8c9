"""Checks the lexer for Pygments: all of a text, no errors in what is right."""

import tomllib
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.token import Comment, Error, Keyword, String

from qdsl.highlight.pygments_lexer import TOKENS, QspecLexer
from qdsl.highlight.scopes import Scope
from qdsl.registry import load_entry_point

ROOT = Path(__file__).parents[2]


def test_nothing_of_a_spec_is_an_error(text: str) -> None:
    wrong = [(start, part) for start, kind, part in lexed(text) if kind is Error]
    assert wrong == []


def test_all_of_the_text_comes_back(text: str) -> None:
    assert "".join(part for _, part in QspecLexer().get_tokens(text)) == text
    assert all(text.startswith(part, start) for start, _, part in lexed(text))


def test_errors_are_errors() -> None:
    assert [part for _, kind, part in lexed("qspec 1\nconst a = 3 ? 10G") if kind is Error] == [
        "?",
        "10G",
    ]


def test_every_kind_has_a_token() -> None:
    assert TOKENS.keys() == set(Scope)


def test_kinds(everything: str) -> None:
    kinds = {part: kind for _, kind, part in reversed(lexed(everything))}  # where they stand first
    assert kinds["block"] is Keyword.Declaration
    assert kinds["MiB"] is Keyword.Pseudo
    assert kinds["int4"] is Keyword.Type
    assert kinds["## Documentation of a block."] is String.Doc
    assert kinds["# behind a brace"] is Comment.Single


def test_the_entry_point_names_the_lexer() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    value = project["entry-points"]["pygments.lexers"]["qspec"]
    assert load_entry_point(value) is QspecLexer


def test_a_page_is_coloured() -> None:
    page = highlight("qspec 1\n", QspecLexer(), HtmlFormatter())
    assert '<span class="mi">1</span>' in page


def lexed(text: str) -> list[tuple[int, object, str]]:
    return [*QspecLexer().get_tokens_unprocessed(text)]
