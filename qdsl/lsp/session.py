"""Holds what a client has open, and tells it what is wrong as it types."""

import asyncio
import gc
import traceback
from pathlib import Path
from typing import Protocol

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from qdsl.lsp.about import Explain
from qdsl.lsp.document import Document
from qdsl.lsp.files import Files, Place
from qdsl.lsp.findings import Reporter
from qdsl.lsp.request import Refused
from qdsl.lsp.text import Change, Encoding, Text
from qdsl.lsp.uris import path_of, uri_of
from qdsl.lsp.view import View

PAUSE = 0.002  # seconds in which the next keystroke of a burst arrives
REST = 1.0  # seconds without a keystroke, after which there is time to collect garbage
TIRED = 500  # keystrokes after which there must be
THOROUGH = 50  # collections of which one looks at everything
BUG = "bug of qdsl, not of your spec: please report it with the text in the log of the editor"


class Positioned(Protocol):
    """What a request about a place in a document has."""

    text_document: types.TextDocumentIdentifier
    position: types.Position


class Session:
    """The open documents of one client, by URI; `explain` gives the page of a word."""

    def __init__(self, server: LanguageServer, explain: Explain) -> None:
        self.server = server
        self.explain = explain
        self.files = Files()
        self.documents: dict[str, Document] = {}
        self.said: dict[str, list[types.Diagnostic]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looks = self._rests = 0

    # ---- documents ---------------------------------------------------------------------------

    def view(self, place: Positioned) -> tuple[View, int]:
        """The names of a document, and the offset of a place in it; raises Refused without one."""
        document = self.wanted(place.text_document.uri)
        return View(document), document.text.offset(place.position)

    def wanted(self, uri: str) -> Document:
        """An open document; raises Refused where the client has not opened it."""
        if (document := self.documents.get(uri)) is None:
            raise Refused(f"{uri} is not open")
        return document

    def location(self, place: Place) -> types.Location:
        text = Text(self.files.text(place.path) or "", self._encoding())
        return types.Location(self.uri(place.path), text.range(place.start, place.end))

    def uri(self, path: Path) -> str:
        """The URI of a file, as the client calls it where it is open."""
        known = (d.uri for d in self.documents.values() if d.path == path)
        return next(known, None) or uri_of(path)

    def open(self, uri: str, text: str, version: int | None) -> None:
        """A document was opened: its buffer counts from now on, not the disk."""
        path = path_of(uri)
        document = Document(uri, path, Text(text, self._encoding()), version, self.files)
        self.documents[uri] = document
        self._changed(document)

    def change(self, uri: str, changes: list[Change], version: int | None) -> None:
        if document := self.documents.get(uri):
            document.text, document.version = document.text.changed(changes), version
            self._changed(document)

    def close(self, uri: str) -> None:
        """A document was closed: the disk counts from now on."""
        if document := self.documents.pop(uri, None):
            if task := self._tasks.pop(uri, None):
                task.cancel()
            self.files.buffers.pop(document.path, None)
            self.said.pop(uri, None)
            self._publish(uri, [], None)
            self.refresh(document.path)

    def refresh(self, path: Path | None = None) -> None:
        """Looks again at every document that read the file, at all where none is named."""
        for document in self.documents.values():
            analysis = document.analysis
            if path is None or analysis is None or path in analysis.reads:
                document.forget()
                self._schedule(document)

    def _changed(self, document: Document) -> None:
        self.files.buffers[document.path] = document.text.text
        document.forget()
        self._schedule(document)
        self.refresh(document.path)

    def _encoding(self) -> Encoding:
        return Encoding(self.server.workspace.position_encoding)

    # ---- findings ----------------------------------------------------------------------------

    def _schedule(self, document: Document) -> None:
        """Has the document looked at when typing pauses; what was under way for it is dropped."""
        if task := self._tasks.get(document.uri):
            task.cancel()
        self._tasks[document.uri] = asyncio.ensure_future(self._look(document))

    async def _look(self, document: Document) -> None:
        """Tells what is wrong, and once more when all has been looked at closely."""
        await asyncio.sleep(PAUSE)
        try:
            self.tell(document)
            await asyncio.sleep(0)
            if self.files.settle():
                document.forget()
            for name, judged in tuple(document.analyse().unjudged()):
                await asyncio.sleep(0)
                document.judge(name, judged)
            self.tell(document)
            self._refresh_hints()
        except Exception:
            document.reset()
            self.fail(f"looking at {document.uri}", document)
        await self._rest()

    async def _rest(self) -> None:
        """Collects garbage when nobody waits for it: scopes leave cycles.

        What is alive then is set aside, or each time would take longer than a keystroke may; now
        and then all is looked at, for what was set aside may be garbage by then.
        """
        self._looks += 1
        if self._looks > 1:
            if self._looks % TIRED:
                await asyncio.sleep(REST)
            self._rests += 1
            if self._rests % THOROUGH == 0:
                gc.unfreeze()
            gc.collect()
        gc.freeze()

    def tell(self, document: Document) -> None:
        """Publishes the findings."""
        reporter = Reporter(
            document.path, document.text, document.analyse().compiled.file, self.files
        )
        found = reporter.report(document.findings())
        self.said[document.uri] = found
        self._publish(document.uri, found, document.version)

    def _publish(self, uri: str, found: list[types.Diagnostic], version: int | None) -> None:
        self.server.text_document_publish_diagnostics(
            types.PublishDiagnosticsParams(uri=uri, diagnostics=found, version=version)
        )

    def _refresh_hints(self) -> None:
        """Has the client ask anew for the bytes of members, which are known now."""
        workspace = self.server.client_capabilities.workspace
        if workspace and workspace.inlay_hint and workspace.inlay_hint.refresh_support:
            self.server.workspace_inlay_hint_refresh(None)

    def fail(self, what: str, document: Document | None = None) -> None:
        """Logs the exception at hand, a bug of this program, and marks the document with it."""
        trace = traceback.format_exc()
        message = f"{what}: this is a {BUG}.\n{trace}"
        self.server.window_log_message(
            types.LogMessageParams(type=types.MessageType.Error, message=message)
        )
        if document:
            range = types.Range(types.Position(0, 0), types.Position(0, 0))
            reason = trace.strip().rpartition("\n")[2]
            bug = types.Diagnostic(
                range=range,
                message=f"{reason}\nthis is a {BUG}",
                severity=types.DiagnosticSeverity.Error,
                source="qdsl",
            )
            self._publish(document.uri, [*self.said.get(document.uri, ()), bug], document.version)
