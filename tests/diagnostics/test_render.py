"""Holds the renderers to golden files."""

from collections.abc import Callable
from json import loads
from pathlib import Path

import pytest

from qdsl.diagnostic import render
from qdsl.diagnostic.model import Diagnostic, Edit, Label, Severity, error, warning
from qdsl.source import Source, Span

GOLDEN = Path(__file__).parent / "golden"

MODEL = Source(
    "specs/model.qspec",
    "qspec 1\n"
    "\n"
    "block A(d: int) {\n"
    "\ta = Linear(d -> 3)\t# a tab before and behind\n"
    '    größe = "漢字" + a\n'
    "    b = repeat d {\n"
    "        Linear(d -> d)\n"
    "    }\n"
    "}\n",
)
OTHER = Source("std/speech.qspec", "qspec 1\r\nblock B() { \x1b[31m }\r\n")
LONG = Source("long.qspec", "a " * 200 + "here" + " b" * 200)


def at(text: str, source: Source = MODEL) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


DIAGNOSTICS = [
    error(
        "Q901",
        "`a` gives 3 features, `B` takes `d`",
        at("Linear(d -> 3)"),
        "gives `f32[B, 3]`",
        secondary=[(at("d: int"), "`d` is 256"), (at("block B()", OTHER), "takes `f32[B, d]`")],
        help="write `Linear(d -> d)`",
        notes=["called from `Recognizer.encode`", "two lines\nof note"],
        fix=Edit(at("Linear(d -> 3)"), "Linear(d -> d)"),
    ),
    warning("Q902", "rule is shadowed", at('"漢字"'), "wide"),
    error("Q010", "several on a line", at("größe"), "one", secondary=[(at("+"), "two")]),
    error("Q010", "several lines", at("repeat d {\n        Linear(d -> d)\n    }"), "first line"),
    error("Q010", "nothing there", Span(MODEL, len(MODEL.text), len(MODEL.text)), "at the end"),
    error("Q010", "control characters \x1b[0m", at("\x1b[31m", OTHER), "shown \0 by signs"),
    error("Q010", "a long line", at("here", LONG), "cut"),
    error("Q001", "`modle.qspec` does not exist", help="did you mean `model.qspec`?"),
    error("Q001", "nothing more to say"),
]


def test_full(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "full.txt", render.full(DIAGNOSTICS, color=False))


def test_full_in_color(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "color.txt", render.full(DIAGNOSTICS[:2], color=True))


def test_concise(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN / "concise.txt", render.concise(DIAGNOSTICS))


def test_json(golden: Callable[[Path, str], None]) -> None:
    text = render.json(DIAGNOSTICS)
    golden(GOLDEN / "json.txt", text)
    first = loads(text)[0]
    assert (first["primary"]["line"], first["primary"]["column"]) == (4, 6)
    assert first["fix"]["text"] == "Linear(d -> d)"


@pytest.mark.parametrize(
    "show", [render.concise, render.json, lambda d: render.full(d, color=True)]
)
def test_nothing_is_shown_of_nothing(show: Callable[[list[Diagnostic]], str]) -> None:
    assert show([]).strip() in ("", "[]")


def test_no_text_of_a_file_acts_on_the_terminal() -> None:
    hostile = "".join(map(chr, range(0x20))) + "\x7f\x9b\u202e"
    source = Source(f"x{hostile}", hostile)
    spans = [Span(source, i, i + 1) for i in range(len(hostile))]
    for span in spans:
        label = Label(span, hostile)
        diagnostic = Diagnostic("Q010", hostile, label, (label,), hostile, (hostile,))
        for text in (render.full([diagnostic], color=False), render.concise([diagnostic])):
            assert set(text) & set(hostile) <= {"\n"}


def test_colors_do_not_change_the_text() -> None:
    import re

    colored = render.full(DIAGNOSTICS, color=True)
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == render.full(DIAGNOSTICS, color=False)


def test_severity_is_shown() -> None:
    assert DIAGNOSTICS[1].severity is Severity.WARNING
    assert render.concise(DIAGNOSTICS[1:2]).startswith("specs/model.qspec:5:13: warning[Q902] ")


def test_long_names_are_shortened_and_stand_on_one_line() -> None:
    found = error("Q010", f"`{'a' * 500}` is\nno `if c {{\n    1\n}}`", help=f"write `{'b ' * 99}`")
    assert found.message == f"`{'a' * 40}…{'a' * 40}` is\nno `if c {{ 1 }}`"
    assert found.help
    assert len(found.help) < 100
    short = "`a` is unknown"
    assert warning("Q010", short, at("größe")).message == short
