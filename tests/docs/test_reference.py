"""Holds docs/reference to the catalogs, and every link of the documentation to what it names."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import qdsl.layers
from qdsl.cli.reference import pages, write
from qdsl.cli.symbol import Symbol, symbolic_parameters
from qdsl.ir.layer import Layer
from qdsl.recipes.model import Stage
from qdsl.registry import member_class, names

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FOLDER = DOCS / "reference"
TEXTS = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("name", pages())
def test_a_page_is_up_to_date(name):
    path = FOLDER / name
    assert path.is_file(), "run `make reference`"
    assert path.read_text(encoding="utf-8") == pages()[name], "run `make reference`"


def test_no_page_is_of_what_is_no_more(tmp_path):
    assert {path.name for path in FOLDER.iterdir()} == set(pages())
    (tmp_path / "gone.md").touch()
    write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(pages())


def test_the_index_names_every_page():
    index = (DOCS / "README.md").read_text(encoding="utf-8")
    named = {(DOCS / target).resolve() for target in re.findall(r"\]\(([^)#]+)\)", index)}
    assert {path.resolve() for path in DOCS.rglob("*.md")} - named == {DOCS / "README.md"}


@pytest.mark.parametrize("path", TEXTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", CODE.sub("x", path.read_text(encoding="utf-8"))):
        place, _, anchor = target.partition("#")
        if place.startswith("https:"):
            continue
        found = (path.parent / place).resolve() if place else path
        assert found.exists(), target
        if anchor:
            assert anchor in _anchors(found), target


def _anchors(path: Path) -> set[str]:
    """What a heading is called in a link: as GitHub and most others do."""
    heads = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_every_property_of_a_stage_is_told():
    rows = re.findall(r"^\| `(\w+)` \|.*\| (\S.*) \|$", pages()["recipes.md"], re.MULTILINE)
    assert {name for name, _ in rows} == {f.name for f in fields(Stage)} - {"name"}


def test_shapes_in_words():
    d = Symbol(64, "d")
    assert f"{3 * d}, {d * (d // 2)}, {1 * d}" == "3·d, d·(d // 2), d"
    assert (3 * d, d // 2) == (192, 32)


@pytest.mark.parametrize("name", names(qdsl.layers))
def test_weights_are_those_of_the_layer(name):
    """The words of each shape, computed for other arguments, give the shape for those."""
    kind = member_class(qdsl.layers, name, Layer)
    sizes = {f.name: 8 * i for i, f in enumerate(fields(kind), 1) if f.type in ("int", int)}
    sizes |= {n: 1 for n in ("stride", "dilation", "groups") if n in sizes}
    sizes |= {"projection": 0} if "projection" in sizes else {}
    rest = {f.name: 0.5 for f in fields(kind) if f.type in ("float", float)}
    made = kind(**sizes, **rest).parameters()
    for said, parameter in zip(symbolic_parameters(kind), made, strict=True):
        words = [str(size).replace("·", "*") for size in said.shape]
        assert said.name == parameter.name
        assert tuple(eval(w, {}, dict(sizes)) for w in words) == parameter.shape
