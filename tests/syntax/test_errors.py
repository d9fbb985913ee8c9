"""Holds the messages for texts that do not parse to golden files, carets included."""

from collections.abc import Callable
from pathlib import Path

import pytest

from qdsl.diagnostic.render import full
from qdsl.source import Source
from qdsl.syntax import parse

CASES = sorted((Path(__file__).parent / "cases").glob("*.qspec"))


def codes(text: str) -> list[tuple[str, int]]:
    """Code and line of each diagnostic of a text."""
    _, diagnostics = parse(Source("test.qspec", text))
    return [(d.code, d.primary.span.location.line if d.primary else 0) for d in diagnostics]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_messages(path: Path, golden: Callable[[Path, str], None]) -> None:
    _, diagnostics = parse(Source(path.name, path.read_text(encoding="utf-8")))
    golden(path.with_suffix(".golden"), full(diagnostics, color=False))


def test_ten_mistakes_are_ten_diagnostics() -> None:
    path = Path(__file__).parent / "cases" / "ten_mistakes.qspec"
    found = codes(path.read_text(encoding="utf-8"))
    assert [line for _, line in found] == [3, 5, 7, 7, 8, 9, 12, 13, 19, 20, 24]


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parent / "cases").glob("ten_of_*.qspec")), ids=lambda p: p.stem
)
def test_each_mistake_is_one_diagnostic(path: Path) -> None:
    """The comment at the end of a line has a `!` for each of its mistakes."""
    text = path.read_text(encoding="utf-8")
    marks = [line.partition("  # !")[1:] for line in text.split("\n")]
    expected = [n for n, mark in enumerate(marks, start=1) for _ in range("".join(mark).count("!"))]
    assert len(expected) >= 10
    assert [line for _, line in codes(text)] == expected


def test_misspelt_words_are_mended_all_at_once() -> None:
    path = Path(__file__).parent / "cases" / "ten_of_spelling.qspec"
    text = path.read_text(encoding="utf-8")
    _, diagnostics = parse(Source(path.name, text))
    for found in reversed(diagnostics):
        assert found.fix
        text = text[: found.fix.span.start] + found.fix.text + text[found.fix.span.end :]
    assert codes(text) == []


def test_what_stands_around_an_error_is_read() -> None:
    text = """qspec 1

const a = 1
const b 2
const c = 3

block A(d: int) {
    x = Linear(d d)
    y = Linear(d -> d)
    forward(z: f32[B]) -> f32[B] {
        u = y(z
        w = y(z)
        return w
    }
}
"""
    file, diagnostics = parse(Source("test.qspec", text))
    assert [d.code for d in diagnostics] == ["Q010", "Q010", "Q011"]
    assert [item.name.text for item in file.items] == ["a", "c", "A"]  # type: ignore[union-attr]
    block = file.items[-1]
    assert [member.name.text for member in block.members] == ["x", "y", "forward"]  # type: ignore


def test_diagnostics_are_in_the_order_of_the_text() -> None:
    for path in CASES:
        lines = [line for _, line in codes(path.read_text(encoding="utf-8"))]
        assert lines == sorted(lines)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_line_ends_do_not_change_the_messages(end: str) -> None:
    path = Path(__file__).parent / "cases" / "ten_mistakes.qspec"
    text = path.read_text(encoding="utf-8")
    assert codes(text.replace("\n", end)) == codes(text)


def test_division_is_no_comment() -> None:
    divided = "qspec 1\n\nconst a = b\n    // c\nconst d = e // f if\n"
    assert codes(divided) == [("Q016", 5)]


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("qspec 1\nconst a = .5", "qspec 1\nconst a = 0.5"),
        ("qspec 1\nconst a = 7.\nconst b = 1", "qspec 1\nconst a = 7.0\nconst b = 1"),
        ("qspec 1\nconst a = 'x'", 'qspec 1\nconst a = "x"'),
        ("qspec 1\na = 3", "qspec 1\nconst a = 3"),
        ("const a = 3", "qspec 1\n\nconst a = 3"),
        ("qspec 1\nblock A() { a: B() }", "qspec 1\nblock A() { a = B() }"),
        ("qspec 1\nbudget b { size(*) <= 3 mib }", "qspec 1\nbudget b { size(*) <= 3 MiB }"),
        ("qspec 1\nbudget b { size(*) <= 3MiB }", "qspec 1\nbudget b { size(*) <= 3 MiB }"),
        ("qspec 1\nblock A() where a = 3 { }", "qspec 1\nblock A() where a == 3 { }"),
    ],
)
def test_fixes_settle_the_matter(text: str, fixed: str) -> None:
    _, (diagnostic,) = parse(Source("test.qspec", text))
    assert diagnostic.fix
    span = diagnostic.fix.span
    edited = text[: span.start] + diagnostic.fix.text + text[span.end :]
    assert edited.split() == fixed.split()
    assert codes(edited) == []
