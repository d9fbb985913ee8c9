"""Checks the manual: every code has a page, and the examples of a page are what it says."""

import re
from pathlib import Path

import pytest

import qdsl
from qdsl.diagnostic import codes
from qdsl.diagnostic.model import error
from qdsl.source import Source
from qdsl.syntax import parse

PACKAGE = Path(qdsl.__file__).parent
FENCE = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
SYNTAX = [code for code in codes.names() if code.startswith("Q0")]


def used() -> set[str]:
    """The codes that the sources of the package name."""
    texts = (path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    return {code for text in texts for code in re.findall(r'"(Q\d{3})"', text)}


def test_each_code_has_a_page() -> None:
    assert used() - set(codes.names()) == set()


def test_each_syntax_page_has_a_code() -> None:
    assert set(SYNTAX) - used() == set()


@pytest.mark.parametrize("code", codes.names())
def test_pages_have_one_form(code: str) -> None:
    page = codes.page(code)
    assert page
    assert re.match(rf"# {code} [a-z0-9]+(-[a-z0-9]+)*\n", page)
    sections = re.findall(r"^## (.*)$", page, re.MULTILINE)
    assert sections == ["What it does", "Why", "Example", "Use instead"]


@pytest.mark.parametrize("code", SYNTAX)
def test_examples_of_syntax_errors(code: str) -> None:
    fences = FENCE.findall(codes.page(code) or "")
    if code in codes.INPUT_OUTPUT:
        assert [language for language, _ in fences] == ["console", "console"]
        return
    (_, bad), (_, good) = fences
    _, found = parse(Source("example.qspec", bad))
    assert code in {d.code for d in found}
    assert len(found) == 1 or code == "Q020"
    assert parse(Source("example.qspec", good))[1] == ()


def test_unknown_codes_have_no_page() -> None:
    assert codes.page("Q099") is None
    assert codes.page("../../source") is None
    assert codes.name("Q099") is None


def test_names() -> None:
    names = codes.names()
    assert names["Q011"] == "unclosed-bracket"
    assert list(names) == sorted(names)
    assert len(set(names.values())) == len(names)


def test_exit_codes() -> None:
    finding, unread = error("Q010", "a"), error("Q001", "b")
    assert codes.exit_code([]) == 0
    assert codes.exit_code([finding, finding]) == 1
    assert codes.exit_code([finding, unread]) == 2
