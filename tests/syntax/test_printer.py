"""Holds the printer to its laws: what was printed parses to the same tree, and prints the same."""

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from qdsl.source import Source
from qdsl.syntax import format_file, parse, tree

ROOT = Path(__file__).parents[2]
SPECS = sorted((ROOT / "specs").rglob("*.qspec"))
CASES = sorted((Path(__file__).parent / "layout").glob("*.qspec"))

slow = settings(
    max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=False
)


def parsed(text: str) -> tree.File:
    file, diagnostics = parse(Source("test.qspec", text))
    assert not diagnostics, text
    return file


@slow
@given(st.data())
def test_what_is_printed_parses_to_the_same_tree(
    draw_file: Callable[[st.DataObject], tree.File], data: st.DataObject
) -> None:
    file = draw_file(data)
    text = format_file(file)
    again = parsed(text)
    assert again == file
    assert format_file(again) == text
    assert all(line == line.rstrip() for line in text.split("\n"))
