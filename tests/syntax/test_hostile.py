"""Feeds the parser what no one would write: it ends in diagnostics, soon, and never in a crash."""

import random
import re
from pathlib import Path

import pytest

from qdsl.diagnostic.render import full
from qdsl.source import Source
from qdsl.syntax import format_file, parse

HERE = Path(__file__).parent
TEXTS = [path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*/*.qspec"))]
TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
STRANGE = ["\0", "é", "$", '"', "'", "//", "/*", "**", "[", "(", "{", "}", ")", "]", "#", "\n", "="]


def codes(text: str) -> list[str]:
    _, diagnostics = parse(Source("test.qspec", text))
    full(diagnostics, color=True)
    return [d.code for d in diagnostics]


HOSTILE = {
    "nothing": ("", ["Q004"]),
    "a comment alone": ("# nothing", ["Q004"]),
    "null": ("qspec 1\nconst a = \0\0\0 1", ["Q006"]),
    "byte-order mark": ("\ufeffqspec 1\nconst a = 1", ["Q006"]),
    "escape sequences": ("qspec 1\n\x1b[31m", ["Q006", "Q007", "Q011"]),
    "right to left": ("qspec 1\nconst \u202ea\u202c = 1", ["Q006", "Q006"]),
    "100000 brackets": ("qspec 1\nconst a = " + "(" * 100_000, ["Q017"]),
    "100000 closing brackets": ("qspec 1\nconst a = 1" + ")" * 100_000, ["Q012"] * 100 + ["Q020"]),
    "100000 braces": ("qspec 1\nblock A() " + "{" * 100_000, ["Q017"]),
    "a deep call": ("qspec 1\nconst a = " + "f(" * 99 + "1" + ")" * 99, []),
    "a deeper call": ("qspec 1\nconst a = " + "f(" * 101 + "1" + ")" * 101, ["Q017"]),
    "a long sum": ("qspec 1\nconst a = 1" + " + 1" * 10_000, ["Q017"]),
    "many signs": ("qspec 1\nconst a = " + "-" * 100_000 + "1", ["Q017"]),
    "many nots": ("qspec 1\nconst a = " + "not " * 10_000 + "1", ["Q017"]),
    "a long path": ("qspec 1\nconst a = b" + ".c" * 10_000, ["Q017"]),
    "many ifs": ("qspec 1\nconst a = " + "if b { 1 } else " * 1000 + "{ 2 }", ["Q017"]),
    "a huge integer": ("qspec 1\nconst a = " + "9" * 100_000, ["Q008"]),
    "a huge float": ("qspec 1\nconst a = 1e99999", ["Q008"]),
    "a tiny float": ("qspec 1\nconst a = 1e-99999", ["Q008"]),
    "a huge edition": ("qspec " + "9" * 10_000, ["Q005"]),
    "a long name": ("qspec 1\nconst " + "a" * 100_000 + " = 1", []),
    "no line end": ("qspec 1 " * 10_000, ["Q010"]),
    "stray signs": ("qspec 1\n" + "$ " * 100_000, ["Q006"] * 100 + ["Q020"]),
    "quotes": ("qspec 1\n" + 'const a = "\n' * 1000, ["Q009"] * 100 + ["Q020"]),
    "slashes": ("qspec 1\n" + "//" * 100_000, ["Q010"]),
    "more than 1 MiB": ("qspec 1\n" + " " * (1 << 20), ["Q003"]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str) -> None:
    text, expected = HOSTILE[name]
    found = codes(text)
    assert found == expected


@pytest.mark.parametrize("seed", range(4))
def test_damaged_texts(seed: int) -> None:
    """Whatever is done to a text, it is parsed or reported; what is parsed can be formatted."""
    chance = random.Random(seed)
    pieces = [piece for text in TEXTS for piece in TOKEN.findall(text)] + STRANGE * 50
    for _ in range(100):
        parts = TOKEN.findall(chance.choice(TEXTS)) or ["x"]
        for _ in range(chance.choice([1, 1, 2, 10, 50])):
            place = chance.randrange(len(parts) + 1)
            parts[place : place + chance.randrange(3)] = chance.choices(
                pieces, k=chance.randrange(2)
            )
        text = "".join(parts)
        file, diagnostics = parse(Source("test.qspec", text))
        assert len(diagnostics) <= 101
        assert full(diagnostics, color=False).count("error[") == len(diagnostics)
        if not diagnostics:
            again = format_file(file)
            assert parse(Source("test.qspec", again)) == (file, ())
