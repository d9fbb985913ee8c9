"""Holds the manual to the golden files: each code is shown by one, and each shown has a page."""

import re
from pathlib import Path

from qdsl.diagnostic import codes

TESTS = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden"  # its own files show diagnostics made up for renderers
PROVOKED = Path(__file__).parent / "provoked"


def shown() -> set[str]:
    """The codes in the golden files of all tests."""
    files = [*TESTS.rglob("*.golden"), *TESTS.rglob("golden/**/*.txt")]
    texts = [path.read_text(encoding="utf-8") for path in files if path.parent != GOLDEN]
    return {code for text in texts for code in re.findall(r"(?:error|warning)\[(Q\d+)\]", text)}


def test_each_code_is_shown() -> None:
    assert shown() == set(codes.names())


def test_each_provoked_message_has_its_provoker() -> None:
    texts = [path.read_text(encoding="utf-8") for path in PROVOKED.glob("test_*.py")]
    named = {code for text in texts for code in re.findall(r'"(Q\d{3})"', text)}
    files = {path.stem: path.read_text(encoding="utf-8") for path in GOLDEN.glob("provoked/*.txt")}
    assert named == set(files)
    for code, text in files.items():
        assert set(re.findall(r"^\w+\[(Q\d+)\]", text, re.MULTILINE)) == {code}
