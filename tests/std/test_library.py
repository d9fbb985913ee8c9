"""Holds the library to what it promises its readers."""

import re
from pathlib import Path

import pytest

from qdsl.sema.files import STD
from qdsl.source import Source
from qdsl.syntax import parse, tree

MODULES = sorted(STD.glob("*.qspec"))
PAGE = Path(__file__).parents[2] / "docs" / "language" / "library.md"
WORDS = re.compile(r"\w+(\.\w+)?|\"[^\"\n]*\"|[-|]>|[=!<>]=|//|\.\.|[^\w\s]")

each_module = pytest.mark.parametrize("path", MODULES, ids=lambda p: p.stem)


def blocks(path: Path) -> list[tree.Block]:
    file, _ = parse(Source(path.name, path.read_text(encoding="utf-8")))
    return [item for item in file.items if isinstance(item, tree.Block)]


@each_module
def test_a_block_says_its_shapes_and_where_it_is_from(path):
    for block in blocks(path):
        assert block.doc, block.name.text
        assert "[" in block.doc, f"no shape in what is said of {block.name.text}"


@each_module
def test_modules_are_read_quickly(path):
    text = re.sub(r"#.*", "", path.read_text(encoding="utf-8"))
    assert len(WORDS.findall(text)) <= 2000


def test_a_name_is_that_of_one_block():
    names = [b.name.text for path in MODULES for b in blocks(path)]
    assert len(set(names)) == len(names)


def test_the_page_names_what_there_is():
    rows = re.findall(r"^\| `std\.(\w+)` \|(.*)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    named = {module: set(re.findall(r"`(\w+)`", text)) for module, text in rows}
    found = {path.stem: {b.name.text for b in blocks(path)} for path in MODULES}
    assert named == found
