"""Cuts the line a label points at out of its source, and measures it in columns of a terminal."""

from qdsl.diagnostic.model import Label
from qdsl.record import record

TAB = 4
WIDEST = 160
"""Columns of a line that are shown; of a longer one, those around the label."""


@record
class Excerpt:
    """A line as shown, and the columns (from 0, half-open) that the label takes in it."""

    number: int
    text: str
    start: int
    end: int


def excerpt(label: Label) -> Excerpt:
    """The first line of the label's span; an empty span marks one column."""
    span = label.span
    place = span.location
    line = span.source.line(place.line)
    first = min(place.column - 1, len(line))
    last = min(first + max(span.end - span.start, 1), max(len(line), first + 1))
    left = max(0, first - WIDEST // 2) if len(line) > WIDEST else 0
    before, marked, after = line[left:first], line[first:last], line[last : left + WIDEST]
    if len(marked) > WIDEST:
        marked, after = marked[:WIDEST], ""
    before = ("…" if left else "") + visible(before)
    after = visible(after) + ("…" if left + WIDEST < len(line) else "")
    start = width(before)
    text = before + visible(marked) + after
    return Excerpt(place.line, text, start, start + max(width(visible(marked)), 1))


def visible(text: str) -> str:
    """The text with tabs widened and control characters shown: nothing acts on a terminal."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character == "\t":
        return " " * TAB
    if character == "\n" or character.isprintable():
        return character
    code = ord(character)
    return chr(0x2400 + code) if code < 0x20 else "\N{REPLACEMENT CHARACTER}"


def width(text: str) -> int:
    """Columns of a terminal that printable text takes: two for East Asian wide characters."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in ("W", "F") else 1 for c in text)
