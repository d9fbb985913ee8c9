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
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
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


GAP = re.compile(r"\n|(?<=[\w\])}\"])(?= )|(?<=[,;({\[])(?! )|(?<= )(?=[A-Za-z|+{(\[])")
"""Places between tokens of a formatted text, where a comment may stand."""


@settings(slow, max_examples=80)
@given(st.data())
def test_comments_are_kept_wherever_they_stand(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(SPECS + CASES))
    text = re.sub(r" *#.*", "", path.read_text(encoding="utf-8"))
    gaps = [gap.start() for gap in GAP.finditer(text) if '"' not in text[: gap.start()]]
    places = data.draw(st.lists(st.sampled_from(gaps), min_size=1, max_size=4, unique=True))
    written = text
    for i, place in enumerate(sorted(places, reverse=True)):
        sign = data.draw(st.sampled_from(["#", "##"]))
        written = f"{written[:place]} {sign} comment {i}\n{written[place:]}"
    file = parsed(written)
    again = format_file(file)
    assert parsed(again) == file == parsed(text)
    assert words(again) == words(written)
    assert format_file(parsed(again)) == again


def words(text: str) -> Counter[str]:
    """The comments of a text."""
    return Counter(comment.text for comment in parsed(text).comments)


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_specs_are_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert format_file(parsed(text)) == text


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_layout(path: Path, golden: Callable[[Path, str], None]) -> None:
    text = path.read_text(encoding="utf-8")
    again = format_file(parsed(text))
    golden(path.with_suffix(".formatted"), again)
    assert parsed(again) == parsed(text)
    assert words(again) == words(text)
    assert format_file(parsed(again)) == again


def test_line_ends_of_other_systems_are_made_plain() -> None:
    text = 'qspec 1\r\n\r\nconst a = "x"  # note\r\nconst b = 2\r\n'
    assert format_file(parsed(text)) == 'qspec 1\n\nconst a = "x"  # note\nconst b = 2\n'
