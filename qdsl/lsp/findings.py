"""Says diagnostics in the words of the protocol."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from lsprotocol import types

from qdsl.diagnostic.model import Diagnostic, Label, Severity
from qdsl.lsp.files import Files, Place
from qdsl.lsp.text import Text
from qdsl.lsp.uris import uri_of
from qdsl.syntax import tree

SEVERITY = {
    Severity.ERROR: types.DiagnosticSeverity.Error,
    Severity.WARNING: types.DiagnosticSeverity.Warning,
}
UNUSED = "Q104"


class Reporter:
    """Says the findings about one file; `file` is its tree, for its imports."""

    def __init__(self, path: Path, text: Text, file: tree.File | None, files: Files) -> None:
        self.path = path
        self.text = text
        self.file = file
        self.files = files
        self.texts: dict[Path, Text] = {path: text}

    def report(self, findings: Iterable[Diagnostic]) -> list[types.Diagnostic]:
        found = [self.said(d) for d in findings]
        return sorted(
            (d for d in found if d), key=lambda d: (d.range.start.line, d.range.start.character)
        )

    def said(self, d: Diagnostic) -> types.Diagnostic | None:
        """The finding; None where its text is gone, so that it is about to be found anew."""
        related = [*self._related(d.secondary)]
        message = d.message
        if d.primary is None:
            place: Place | None = Place(self.path, 0, 0)
        elif (place := self.files.place(d.primary.span)) and place.path != self.path:
            # it is said where this file has to do with it
            message = f"{d.primary.span.source.name}: {message}"
            related[:0] = self._related((d.primary,))
            place = self._import_of(place.path)
        if place is None:
            return None
        notes = [d.primary.text] if d.primary and d.primary.text else []
        notes += [*d.notes, f"help: {d.help}"] if d.help else d.notes
        return types.Diagnostic(
            range=self.text.range(place.start, place.end),
            message="\n".join([message, *notes]),
            severity=SEVERITY[d.severity],
            code=d.code,
            source="qdsl",
            tags=[types.DiagnosticTag.Unnecessary] if d.code == UNUSED else None,
            related_information=related or None,
        )

    def _related(self, labels: Iterable[Label]) -> Iterator[types.DiagnosticRelatedInformation]:
        for label in labels:
            if location := self.location(label):
                yield types.DiagnosticRelatedInformation(location, label.text or "here")

    def location(self, label: Label) -> types.Location | None:
        place = self.files.place(label.span)
        if place is None:
            return None
        if place.path not in self.texts:
            self.texts[place.path] = Text(self.files.text(place.path) or "", self.text.encoding)
        return types.Location(
            uri_of(place.path), self.texts[place.path].range(place.start, place.end)
        )

    def _import_of(self, path: Path) -> Place:
        """The import of that file, or else the top of this one."""
        for item in self.file.items if self.file else ():
            if isinstance(item, tree.Import) and item.relative:
                if item.module[-1].text == path.stem:
                    return self.files.place(item.span) or Place(self.path, 0, 0)
        return Place(self.path, 0, 0)
