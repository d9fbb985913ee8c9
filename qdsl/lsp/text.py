"""Turns the lines and columns of an editor into offsets of a text, and back.

A column counts UTF-16 units unless client and server agreed on another encoding. A line ends with
`\\n`, `\\r\\n` or `\\r`, as the protocol has it.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from lsprotocol import types

Encoding = types.PositionEncodingKind
Change = types.TextDocumentContentChangeEvent
LINE_END = re.compile(r"\r\n|\n|\r")
CODECS = {Encoding.Utf8: ("utf-8", 1), Encoding.Utf16: ("utf-16-le", 2)}


@dataclass(frozen=True)
class Text:
    """A text with its lines; `encoding` is what a column counts."""

    text: str
    encoding: Encoding = Encoding.Utf16

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Offsets of the first character of each line."""
        return (0, *(found.end() for found in LINE_END.finditer(self.text)))

    def offset(self, position: types.Position) -> int:
        """The offset of a place; what lies outside the text is moved to the nearest place in it."""
        if position.line >= len(self.starts):
            return len(self.text)
        start = self.starts[max(position.line, 0)]
        line = self._line(max(position.line, 0))
        return start + self._characters(line, max(position.character, 0))

    def position(self, offset: int) -> types.Position:
        line = bisect_right(self.starts, offset) - 1
        before = self.text[self.starts[line] : offset]
        return types.Position(line, self._units(before))

    def range(self, start: int, end: int) -> types.Range:
        return types.Range(self.position(start), self.position(end))

    def span(self, range: types.Range) -> tuple[int, int]:
        """Start and end offsets of a range, in order."""
        start, end = self.offset(range.start), self.offset(range.end)
        return min(start, end), max(start, end)

    def changed(self, changes: Iterable[Change]) -> "Text":
        """The text after the changes, each of which sees what those before it left."""
        changed = self
        for change in changes:
            text = change.text
            if isinstance(change, types.TextDocumentContentChangePartial):
                start, end = changed.span(change.range)
                text = changed.text[:start] + change.text + changed.text[end:]
            changed = Text(text, self.encoding)
        return changed

    def _line(self, number: int) -> str:
        """A line without its end."""
        last = number + 1 == len(self.starts)
        end = len(self.text) if last else self.starts[number + 1]
        return self.text[self.starts[number] : end].rstrip("\r\n")

    def _units(self, text: str) -> int:
        if text.isascii() or self.encoding not in CODECS:
            return len(text)
        codec, size = CODECS[self.encoding]
        return len(text.encode(codec, "surrogatepass")) // size

    def _characters(self, line: str, units: int) -> int:
        """How many characters so many units are; one that is cut apart counts as not reached."""
        if line.isascii() or self.encoding not in CODECS:
            return min(units, len(line))
        codec, size = CODECS[self.encoding]
        encoded = line.encode(codec, "surrogatepass")[: units * size]
        return len(encoded.decode(codec, "ignore"))
