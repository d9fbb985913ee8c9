"""Holds the outline of a tree to a golden file, and to every kind of node of real specs."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest

from qdsl.source import Source
from qdsl.syntax import parse, tree
from qdsl.syntax.outline import outline

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "outline.txt"
SPECS = sorted((ROOT / "specs").rglob("*.qspec"))

SPEC = """qspec 1

import .parts { Pair, Other }

format w = int4(group = 8, asymmetric) sparse 2:4

## Documented.
block Net(d: int = 16, sizes: [int]) where d > 0 {
    up = if d > 3 { Linear(d -> 2 * d) } else { none }
    many = repeat 3 as i { Pair(d, not i % 2 == 0) }

    forward(x: f32[B, T, d]) -> f32[B, T, d] {
        y, _ = many(x, each x[0, 1..-1, none])
        for i in 0..2 { y = y |> up }
        return y
    }
}

policy p for Net extends q {
    default { weights = w }
    optional many[0, 1..-1].**:Linear { weights = int8; trainable = false }
}

budget b { ratio(*) >= 1.5 x over f32 }

variant v extends u {
    model.d = 8
    policy += { up { weights = f32 } }
}
"""


def file(text: str) -> tree.File:
    return parse(Source("net.qspec", text))[0]


def nodes(value: object) -> Iterator[object]:
    if isinstance(value, tuple):
        for child in value:
            yield from nodes(child)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            if field.name not in ("span", "comments", "source"):
                yield from nodes(getattr(value, field.name))


def test_a_small_file(golden: Callable[[Path, str], None]) -> None:
    golden(GOLDEN, outline(file(SPEC)))


@pytest.mark.parametrize("path", SPECS, ids=lambda p: p.stem)
def test_every_node_is_a_line(path: Path) -> None:
    """Each node but names, which stand behind what they name."""
    parsed = file(path.read_text(encoding="utf-8"))
    kinds = [type(n).__name__ for n in nodes(parsed) if not isinstance(n, tree.Name)]
    lines = outline(parsed).splitlines()
    words = [word for line in lines for word in line.split()[:2]]
    assert sum(words.count(kind) for kind in set(kinds)) >= len(kinds)


def test_an_empty_file() -> None:
    assert outline(file("qspec 1\n")) == "File net.qspec edition=1\n"


def test_a_file_with_errors_shows_what_was_read() -> None:
    assert "Const name=a" in outline(file("qspec 1\nconst a = 1\nconst = 2\nmodel {\n"))
