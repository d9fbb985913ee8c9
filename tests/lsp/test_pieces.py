"""A text that is parsed item by item gives what it gives as a whole."""

import random
import re
from pathlib import Path

import pytest

pytest.importorskip("pygls")

from qdsl.lsp.pieces import Pieces
from qdsl.source import Source
from qdsl.syntax import parse

ROOT = Path(__file__).parents[2]
SPECS = [ROOT / "specs" / f"{name}.qspec" for name in ("usm_lite", "digits")]
TEXTS = [path.read_text(encoding="utf-8") for path in SPECS]
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
STRANGE = [" ", "é", '"', "//", "(", ")", "{", "}", "#", "##", "\n", "=", "block ", "const x = 1\n"]


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_sound_files(path):
    source = Source(path.name, path.read_text(encoding="utf-8"))
    pieces = Pieces()
    assert pieces.parse(source) == parse(source)
    for item in pieces.parse(source)[0].items:
        start, end = pieces.place(item.span)
        assert source.text[start:end] == item.span.text


@pytest.mark.parametrize("seed", range(20))
def test_broken_files(seed):
    random_ = random.Random(seed)
    pieces, text = Pieces(), random_.choice(TEXTS)
    for _ in range(4):
        text = _mutated(text, random_)
        source = Source("a.qspec", text)
        (file, found), (whole, expected) = pieces.parse(source), parse(source)
        if pieces.guessed:
            file, found = pieces.read_whole(source)
        places = [(d.code, *pieces.place(d.primary.span)) for d in found]
        assert places == [(d.code, d.primary.span.start, d.primary.span.end) for d in expected]
        if not expected:
            assert file == whole


def test_an_item_that_stays_keeps_its_tree():
    text, pieces = TEXTS[0], Pieces()
    before = pieces.parse(Source("a", text))[0].items
    after = pieces.parse(Source("a", text.replace("vocab: int = 1024", "vocab: int = 512")))[
        0
    ].items
    assert [a is b for a, b in zip(before, after, strict=True)].count(False) == 1


def test_documentation_belongs_to_its_item():
    pieces = Pieces()
    first = "qspec 1\n\n## one\nconst a = 1\n\n## two\nconst b = 2\n"
    file, _ = pieces.parse(Source("a", first))
    assert [item.doc for item in file.items] == ["one", "two"]
    file, _ = pieces.parse(Source("a", first.replace("## two", "## three")))
    assert [item.doc for item in file.items] == ["one", "three"]


def test_equal_items_have_trees_of_their_own():
    file, _ = Pieces().parse(Source("a", "qspec 1\n\nconst a = 1\nconst a = 1\n"))
    assert file.items[0] == file.items[1]
    assert file.items[0] is not file.items[1]


def _mutated(text, random_):
    tokens = TOKEN.findall(text)
    at = random_.randrange(len(tokens))
    match random_.randrange(3):
        case 0:
            del tokens[at]
        case 1:
            tokens.insert(at, random_.choice(STRANGE))
        case _:
            tokens[at] = random_.choice(STRANGE)
    return "".join(tokens)
