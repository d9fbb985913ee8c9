"""Parses a text item by item, so that a keystroke costs the item it falls into.

Each item is a text of its own, a piece, which begins with the comments above it. A piece that is
as it was keeps its tree, with all spans, which point into the piece; `Pieces` knows where the
piece stands now. Where brackets do not balance one item may hide in another: `read_whole` then says
what `syntax.parse` says, at the cost of the whole text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from qdsl.diagnostic.model import Diagnostic
from qdsl.record import record
from qdsl.source import Source, Span
from qdsl.syntax import parse, tree
from qdsl.syntax.parser import DIAGNOSTICS_LIMIT

Parsed = tuple[tree.File, tuple[Diagnostic, ...]]

EDITION = "qspec 1\n"  # begins every piece
UNBALANCED = frozenset(("Q011", "Q012"))
ITEMS = "import const format block model policy budget recipe target variant".split()
ITEM = re.compile(rf"^(?:{'|'.join(ITEMS)})[ \t]+[A-Za-z_.]", re.MULTILINE)
COMMENT = re.compile(r"#[^\n]*")
ASIDE = re.compile(r"[ \t\r]*(?:#[^\n]*)?")


@record
class Piece:
    """One item with the comments above it, as far as it can be read."""

    source: Source
    items: tuple[tree.Item, ...]
    diagnostics: tuple[Diagnostic, ...]


@dataclass(eq=False)
class Pieces:
    """The pieces of one text in its latest state; `guessed` where brackets do not balance."""

    source: Source | None = None
    parsed: Parsed | None = None
    guessed: bool = False
    places: dict[Source, int] = field(default_factory=dict)
    _pieces: dict[str, list[Piece]] = field(default_factory=dict)

    def parse(self, source: Source) -> Parsed:
        """The tree of the text and its syntax errors, item by item."""
        if self.parsed is None or self.source is not source:
            joined = self._joined(source)
            if joined is None:
                return self.read_whole(source)
            self.guessed = any(d.code in UNBALANCED for d in joined[1])
            self.source, self.parsed = source, joined
            self.places[source] = 0
        return self.parsed

    def read_whole(self, source: Source) -> Parsed:
        """The same without a guess."""
        self.source, self.parsed, self.guessed = source, parse(source), False
        self.places = {source: 0}
        return self.parsed

    def place(self, span: Span) -> tuple[int, int] | None:
        """Start and end of a span in the latest text; None for a span of a text that is gone."""
        offset = self.places.get(span.source)
        return None if offset is None else (span.start + offset, span.end + offset)

    def _joined(self, source: Source) -> Parsed | None:
        """The file put together from its pieces; None where they cannot be told apart."""
        self.places = {}
        found: dict[str, list[Piece]] = {}
        items: list[tree.Item] = []
        diagnostics: list[Diagnostic] = []
        starts = list(_starts(source.text))
        head = source.text[: starts[0]] if starts else source.text
        if COMMENT.sub("", head).split() != EDITION.split():
            return None
        for start, end in zip(starts, (*starts[1:], len(source.text)), strict=True):
            text = source.text[start:end]
            # equal pieces, as where an item is pasted twice, are trees of their own
            known = self._pieces.get(text)
            piece = known.pop() if known else _piece(source.name, text)
            found.setdefault(text, []).append(piece)
            self.places[piece.source] = start - len(EDITION)
            items += piece.items
            diagnostics += piece.diagnostics
        self._pieces = found
        if len(diagnostics) > DIAGNOSTICS_LIMIT:
            return None
        return tree.File(1, tuple(items), (), source), tuple(diagnostics)


def _piece(name: str, text: str) -> Piece:
    source = Source(name, EDITION + text)
    file, diagnostics = parse(source)
    return Piece(source, file.items, diagnostics)


def _starts(text: str) -> Iterator[int]:
    """Where the pieces begin: an item's first line, or the first of the comments above it."""
    for found in ITEM.finditer(text):
        start = found.start()
        while start:
            before = text.rfind("\n", 0, start - 1) + 1
            if not ASIDE.fullmatch(text, before, start - 1):
                break
            start = before
        yield start
