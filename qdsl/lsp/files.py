"""Reads files as editors have them: open ones from their buffers, the others from the disk."""

from dataclasses import dataclass, field
from pathlib import Path

from qdsl.diagnostic.model import Diagnostic
from qdsl.lsp.pieces import Parsed, Pieces
from qdsl.record import record
from qdsl.sema.files import STD
from qdsl.source import Source, Span
from qdsl.syntax import parse, read


@record
class Place:
    """A range of offsets in the latest text of a file."""

    path: Path
    start: int
    end: int


@dataclass(eq=False)
class Kept:
    """The latest text of a file, and its tree."""

    path: Path
    source: Source
    pieces: Pieces = field(default_factory=Pieces)


@dataclass(eq=False)
class Files:
    """Texts and trees, the same objects for as long as the text is the same.

    Messages call a file by its own name, whoever imports it: it is read once for all.
    """

    buffers: dict[Path, str] = field(default_factory=dict)
    _kept: dict[Path, Kept] = field(default_factory=dict)
    _of: dict[Source, Kept] = field(default_factory=dict)

    def read(self, path: Path, name: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
        """The text of a file, from its buffer if it is open."""
        if (buffer := self.buffers.get(path)) is not None:
            return self._source(path, buffer), ()
        known = self._kept.get(path)
        if path.parent == STD and known:
            return known.source, ()
        source, findings = read(path, name)
        return (self._source(path, source.text) if source else None), findings

    def parse(self, source: Source) -> Parsed:
        """The tree of a text that was read here, and its syntax errors."""
        kept = self._of[source]
        if kept.path.parent == STD:
            # its spans tell the compiler that they are of the library: no pieces
            kept.pieces.parsed = kept.pieces.parsed or parse(source)
            kept.pieces.places[source] = 0
            return kept.pieces.parsed
        return kept.pieces.parse(source)

    def settle(self) -> bool:
        """Reads as a whole what was guessed item by item; says whether there was anything."""
        guessed = [kept for kept in self._kept.values() if kept.pieces.guessed]
        for kept in guessed:
            kept.pieces.read_whole(kept.source)
        return bool(guessed)

    def place(self, span: Span) -> Place | None:
        """Where a span stands now; None where its text is gone."""
        for kept in self._kept.values():
            if place := kept.pieces.place(span):
                return Place(kept.path, *place)
        return None

    def text(self, path: Path) -> str | None:
        """The latest text of a file; None where there is none."""
        if (buffer := self.buffers.get(path)) is not None:
            return buffer
        source, _ = read(path)
        return source.text if source else None

    def name(self, path: Path) -> str:
        """What messages call a file."""
        return f"std/{path.name}" if path.parent == STD else path.name

    def _source(self, path: Path, text: str) -> Source:
        name = self.name(path)
        kept = self._kept.get(path)
        if kept is None:
            kept = self._kept[path] = Kept(path, Source(name, text))
        elif kept.source.text != text:
            self._of.pop(kept.source, None)
            kept.source = Source(name, text)
        self._of[kept.source] = kept
        return kept.source
