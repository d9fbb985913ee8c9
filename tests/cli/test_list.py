"""Lists and explains every word of the language."""

import json
import re
import sys
from pathlib import Path

import pytest

import qdsl
import qdsl.cli.catalog
from qdsl.cli.entry import Catalog
from qdsl.diagnostic import codes
from qdsl.registry import collect
from qdsl.sema.functions.reference import functions
from qdsl.sema.language import language_names
from qdsl.sema.policy import PROPERTIES

CATALOGS = collect(qdsl.cli.catalog, Catalog)


class Terminal:
    """A stream that says it is a terminal."""

    def __init__(self, stream):
        self._stream = stream

    def isatty(self):
        return True

    def __getattr__(self, name):
        return getattr(self._stream, name)


@pytest.mark.parametrize("kind", CATALOGS)
def test_text_and_json_say_the_same(qdsl, kind):
    text, data = qdsl("list", kind), qdsl("list", kind, "--format", "json")
    assert text.status == data.status == 0
    rows = json.loads(data.out)
    heading, *lines = text.out.splitlines()
    assert heading.split() == list(CATALOGS[kind].headings)
    assert [line.split()[0] for line in lines] == [next(iter(row.values())) for row in rows]
    assert len(rows) == len({next(iter(row.values())) for row in rows})


@pytest.mark.parametrize("kind", CATALOGS)
def test_nothing_is_without_words(kind):
    for entry in CATALOGS[kind].entries():
        assert entry.page.startswith("# ")
        assert len(entry.page) > len(entry.cells[0]) + 10
        assert entry.cells[-1], f"{entry.cells[0]} has no documentation"


def test_all_words_of_the_language_are_listed():
    known = {
        n for kind in ("layers", "functions", "formats", "options") for n in CATALOGS[kind].names()
    }
    assert set(language_names()) <= known
    assert set(CATALOGS["properties"].names()) == set(PROPERTIES)
    assert set(CATALOGS["codes"].names()) == set(codes.names())


def test_warnings_are_known_by_their_codes():
    sources = Path(qdsl.__file__).parent.rglob("*.py")
    texts = [path.read_text(encoding="utf-8") for path in sources]
    given = {code for text in texts for code in re.findall(r'\bwarning\(\s*"(Q\d+)"', text)}
    assert given == codes.WARNINGS


def test_every_function_has_its_rules():
    for row in functions():
        assert row.dtype
        assert row.shape
        assert row.doc.endswith(".")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("Linear", "`Linear(in_features: int, out_features: int, bias: bool = true)`"),
        ("LINEAR", "# Linear"),
        ("int4", "| `group` |"),
        ("int8", "`int8(dynamic, per = token)`"),
        ("ConformerBlock", "import std.speech { ConformerBlock }"),
        ("ConformerBlock", "`forward(x: f32[B, T, d], keep: bool[B, T] = none) -> f32[B, T, d]`"),
        ("q304", "# Q304 "),
        ("transpose", "transpose(x, B, T, d -> B, d, T)"),
        ("%", "A unit of budgets"),
        ("sparse", "A sparsity pattern."),
        ("dynamic", "An option of formats."),
        ("clip", "`int8(clip = …)`"),
        ("policy", "last rule that matches wins"),
        ("|>", "`x |> f(a)` is `f(x, a)`"),
        ("selector", "any number of segments"),
    ],
)
def test_explain(qdsl, word, said):
    found = qdsl("explain", word)
    assert (found.status, found.err) == (0, "")
    assert said in found.out


def test_where_a_word_is_two_things_both_are_told(qdsl):
    out = qdsl("explain", "%").out
    assert "A function of tensors." in out
    assert "A unit of budgets" in out


def test_a_list_of_all_kinds(qdsl):
    assert qdsl("list").status == 0
    assert [row["what"] for row in json.loads(qdsl("list", "--format", "json").out)] == [*CATALOGS]


@pytest.mark.parametrize(("word", "kinds"), [("Q999", ["codes"]), ("xyzzy", CATALOGS)])
def test_a_word_that_nothing_is_like(qdsl, word, kinds):
    err = qdsl("explain", word).err
    assert all(kind in err for kind in kinds)


@pytest.mark.parametrize("word", ["ConformrBlock", "softmx", "wieghts", "Q30x", "int44"])
def test_a_wrong_word_is_mended(qdsl, word):
    found = qdsl("explain", word)
    assert (found.status, found.out) == (2, "")
    assert "did you mean `" in found.err


@pytest.mark.parametrize("command", ["list units", "explain Q304"])
def test_drawn_on_a_terminal_only(qdsl, monkeypatch, command):
    plain = qdsl(*command.split()).out
    assert "\x1b[" not in plain
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", Terminal(sys.stdout))
    assert "\x1b[" in qdsl(*command.split()).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert qdsl(*command.split()).out == plain


@pytest.mark.parametrize("line", ["list layers", "explain int4"])
def test_a_narrow_terminal_cuts_nothing(qdsl, monkeypatch, line):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain = qdsl(*line.split()).out
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr(sys, "stdout", Terminal(sys.stdout))
    drawn = re.sub(r"\x1b\[[\d;]*m", "", qdsl(*line.split()).out)
    # the first heading is that of the words themselves
    assert {*re.findall(r"\w+", plain)} - {"name"} <= {*re.findall(r"\w+", drawn)}
    # a word and what is said of it stand below each other
    assert all(len(text) <= 30 for text in drawn.splitlines()) or "|" in drawn
