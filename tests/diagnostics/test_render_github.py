"""Holds workflow commands to what GitHub reads: one line each, nothing in them acts."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.diagnostic.model import Diagnostic, error, warning
from qdsl.diagnostic.render import github
from qdsl.source import Source, Span

COMMAND = re.compile(r"::(error|warning) ((?:\w+=[^,:\n]*)(?:,\w+=[^,:\n]*)*)::(.*)")
SPEC = Source("specs/a,b:c.qspec", "qspec 1\n\nblock A() {\n    a = 1\n}\n")


def read(line: str) -> tuple[str, dict[str, str], str]:
    """What a runner makes of a line."""
    match = COMMAND.fullmatch(line)
    assert match, line
    pairs = (pair.split("=", 1) for pair in match[2].split(","))
    return match[1], {k: unescaped(v) for k, v in pairs}, unescaped(match[3])


def unescaped(text: str) -> str:
    for code, sign in (("%0A", "\n"), ("%0D", "\r"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, sign)
    return text


def test_a_place() -> None:
    text = github([error("Q101", "unknown: 100%, or so", Span(SPEC, 25, 26), "here", help="a\nb")])
    assert text == (
        "::error file=specs/a%2Cb%3Ac.qspec,line=4,endLine=4,col=5,endColumn=6,"
        "title=Q101 unknown-name::unknown: 100%25, or so: here%0Ahelp: a%0Ab\n"
    )
    kind, properties, message = read(text.rstrip("\n"))
    assert (kind, properties["file"]) == ("error", "specs/a,b:c.qspec")
    assert message == "unknown: 100%, or so: here\nhelp: a\nb"


def test_several_lines_have_no_last_column() -> None:
    _, properties, _ = read(github([warning("Q306", "m", Span(SPEC, 9, 32))]).rstrip("\n"))
    assert (properties["line"], properties["endLine"]) == ("3", "5")
    assert "endColumn" not in properties


def test_no_place() -> None:
    assert github([error("Q001", "none")]) == "::error title=Q001 unreadable-file::none\n"
    assert github([]) == ""


@pytest.mark.parametrize("code", ["Q101", "Q999"])
@settings(max_examples=50, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_nothing_in_a_message_acts(code: str, name: str, text: str) -> None:
    diagnostic: Diagnostic = error(code, text, Span(Source(name, text), 0, len(text)), text)
    lines = github([diagnostic]).split("\n")
    assert len(lines) == 2
    assert "\r" not in lines[0]
    read(lines[0])
