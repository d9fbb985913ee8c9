"""Checks what has which colour, by a listing of one text and by single lines."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import qdsl.formats
from qdsl.highlight.scopes import Scope
from qdsl.highlight.walk import pieces
from qdsl.registry import names

CASES = Path(__file__).parent / "cases"


def scope_of(text: str, word: str) -> Scope:
    """The kind of the piece in which the word begins; it is marked by `«` where it is not alone."""
    start = text.index(f"«{word}") if "«" in text else text.index(word)
    text = text.replace("«", "")
    (scope,) = {s for a, b, s in pieces(f"qspec 1\n{text}") if a <= start + 8 < b}
    return scope


LINES = [
    ("import std.speech { Joint }", "std", Scope.MODULE),
    ("import std.speech { Joint }", "Joint", Scope.KIND),
    ("format w4s = int4(group = 8)", "w4s", Scope.ITEM),
    ("format w4s = int4(group = 8)", "int4", Scope.TYPE),
    ("format w4s = int4(group = 8)", "group", Scope.PARAMETER),
    ("format w4s = int4 sparse 2:4", "sparse", Scope.CLAUSE),
    ("format w4s = int4 sparse 90%", "sparse", Scope.CLAUSE),
    ("format w4s = int4 sparse 90%", "%", Scope.OPERATOR),
    ("const sparse = «sparse", "sparse", Scope.NAME),
    ("const a = any(int4, «uint8)", "uint8", Scope.TYPE),
    ("block Encoder(d: int) { }", "Encoder", Scope.ITEM),
    ("block Encoder(d: int) { }", "d:", Scope.PARAMETER),
    ("block Encoder(d: int) { }", "int", Scope.TYPE),
    ("block A { model = Linear(3 -> 3) }", "model", Scope.MEMBER),
    ("block A { up = Linear(3 -> 3) }", "Linear", Scope.KIND),
    ("block A { fn mix(x: f32[B]) { return x } }", "mix", Scope.FUNCTION),
    ("block A { fn mix(x: f32[B]) { return x } }", "f32", Scope.TYPE),
    ("block A { fn mix(x: f32[B]) { return x } }", "B]", Scope.DIM),
    ("block A { fn mix(x: f32[B]) { return gelu(x) } }", "gelu", Scope.CALL),
    ("block A { fn mix(x: f32[B]) { return x |> gelu } }", "gelu", Scope.CALL),
    ("block A { fn mix(x: f32[B]) { return x.shape } }", "shape", Scope.ATTRIBUTE),
    ("policy p { encoder.blocks[0, -1].**:Linear { } }", "encoder", Scope.SEGMENT),
    ("policy p { encoder.blocks[0, -1].**:Linear { } }", "0", Scope.INTEGER),
    ("policy p { encoder.blocks[0, -1].**:Linear { } }", "**", Scope.WILDCARD),
    ("policy p { encoder.blocks[0, -1].**:Linear { } }", "Linear", Scope.KIND),
    ("policy p { joint.{frames, states} { } }", "states", Scope.SEGMENT),
    ("policy p { a { weights = int4 } }", "weights", Scope.PROPERTY),
    ("policy p for M { }", "M", Scope.ITEM),
    ("budget b { size(*) <= 12 MiB }", "size", Scope.CALL),
    ("budget b { size(*) <= 12 MiB }", "12", Scope.INTEGER),
    ("budget b { size(*) <= 12 MiB }", "MiB", Scope.UNIT),
    ("budget b { size(*) <= 12 MiB }", "*", Scope.WILDCARD),
    ("budget b { macs(run, B = 2 * K) <= 1 G }", "B", Scope.PARAMETER),
    ("budget b { macs(run, B = 2 * K) <= 1 G }", "*", Scope.OPERATOR),
    ("recipe r { stage qat { steps = 20 } }", "qat", Scope.ITEM),
    ("recipe r { stage qat { steps = 20 } }", "steps", Scope.PROPERTY),
    ("target t { memory = 512 KiB }", "KiB", Scope.UNIT),
    ("variant v { policy = small }", "policy", Scope.PROPERTY),
    ("variant v { policy += { } }", "policy", Scope.DECLARATION),
    ("variant v { model.layers = 8 }", "model.layers", Scope.PROPERTY),
    ("# comment", "# comment", Scope.COMMENT),
    ("    ## documentation", "## documentation", Scope.DOC),
    ("const a = 3  ## no documentation", "##", Scope.COMMENT),
    ('const a = "half # \\"open\\""', "# ", Scope.STRING),
    ("const a = 1e-3", "1e-3", Scope.FLOAT),
    ("const a = 10G", "10G", Scope.ILLEGAL),
    ('const a = "open', '"open', Scope.ILLEGAL),
    ("const a = größe", "größe", Scope.ILLEGAL),
    ("block A { }}", "}}", Scope.PUNCTUATION),
    ("block A { «}\n}", "}", Scope.PUNCTUATION),
]


@pytest.mark.parametrize(("text", "word", "scope"), LINES)
def test_kinds(text: str, word: str, scope: Scope) -> None:
    assert scope_of(text, word) is scope


@pytest.mark.parametrize("name", names(qdsl.formats))
def test_every_format_is_a_type(name: str) -> None:
    assert scope_of(f"policy p {{ a {{ weights = {name} }} }}", name) is Scope.TYPE


def test_an_item_is_seen_where_a_brace_is_missing() -> None:
    text = "qspec 1\nimport std.speech\nblock A { }\n"
    (scope,) = (s for a, b, s in pieces(text) if text[a:b] == "block")
    assert scope is Scope.DECLARATION


def test_listing(everything: str, golden: Callable[[Path, str], None]) -> None:
    golden(CASES / "everything.golden", "".join(listing(everything)))


def listing(text: str) -> Iterator[str]:
    """Each line of the text, and below it the kinds of its pieces but for punctuation."""
    found = [
        (a, f"{text[a:b]} {s.name.lower()}")
        for a, b, s in pieces(text)
        if s is not Scope.PUNCTUATION
    ]
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        yield f"{line.rstrip()}\n"
        if kinds := " · ".join(kind for place, kind in found if start <= place < end):
            yield f"        {kinds}\n"
        start = end


SCRAPS = (
    *("qspec 1", "block A(", "policy", "p {", "fn f(x: [", "size(", "forward", "a.**[0", "3 MiB"),
    *(
        "sparse 2",
        "(",
        ")",
        "]",
        "{",
        "}",
        "->",
        ":",
        " = ",
        '"',
        "#",
        "\n",
        "\n\n",
        " ",
        "é",
        "1x",
    ),
)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(SCRAPS) | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_is_cut_into_pieces(text: str) -> None:
    """In order, apart, and all but blanks: what fits nowhere is marked as such."""
    found = [*pieces(text)]
    assert all(a < b for a, b, _ in found)
    assert all(b <= c for (_, b, _), (c, _, _) in pairwise(found))
    covered = {i for a, b, _ in found for i in range(a, b)}
    assert {c for i, c in enumerate(text) if i not in covered} <= set(" \t\r\n")
