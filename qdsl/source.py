"""Holds source text and places in it: every span of every message points here."""

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

from qdsl.record import record


@dataclass(frozen=True, eq=False)
class Source:
    """One text with the name it is shown under (a path, or `std/speech.qspec`)."""

    name: str
    text: str

    @cached_property
    def line_starts(self) -> tuple[int, ...]:
        """Offsets of the first character of each line."""
        return (0, *(i + 1 for i, c in enumerate(self.text) if c == "\n"))

    def location(self, offset: int) -> "Location":
        line = bisect_right(self.line_starts, offset)
        return Location(line, offset - self.line_starts[line - 1] + 1)

    def line(self, number: int) -> str:
        """Text of a line (from 1), without its end."""
        start = self.line_starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start : end if end >= 0 else len(self.text)].rstrip("\r")


@record
class Location:
    """Line and column, both from 1, in characters."""

    line: int
    column: int


@record
class Span:
    """Half-open range `[start, end)` of character offsets in a source."""

    source: Source
    start: int
    end: int

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    @property
    def location(self) -> Location:
        return self.source.location(self.start)

    def to(self, other: "Span") -> "Span":
        """The span from the start of this one to the end of the other."""
        return Span(self.source, self.start, max(self.end, other.end))


def no_span() -> Span:
    """A span for values that no text wrote (programmatic IR, tests)."""
    return Span(_NOWHERE, 0, 0)


_NOWHERE = Source("<none>", "")
