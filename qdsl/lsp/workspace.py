"""Finds the files of a workspace that can name a symbol."""

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from qdsl.lsp.document import Document
from qdsl.lsp.session import Session
from qdsl.lsp.symbol import Kind, Symbol
from qdsl.lsp.text import Text
from qdsl.lsp.uris import path_of
from qdsl.lsp.view import View

LOCAL = (Kind.INPUT, Kind.LOCAL, Kind.INDEX, Kind.DIM)
MOST_FILES = 2000


def everywhere(session: Session, view: View, symbol: Symbol) -> Iterator[View]:
    """The views of all files that may name the symbol: those that import its file, and its own."""
    place = view.definition(symbol)
    if symbol.kind in LOCAL or place is None:
        yield view
        return
    paths = dict.fromkeys((place.path, view.document.path, *_specs(session)))
    for path in paths:
        text = session.files.text(path)
        if text is not None and (path == place.path or place.path.stem in text):
            yield View(document(session, path, text))


def document(session: Session, path: Path, text: str) -> Document:
    """The document of a file; one that is not open gets one for the moment."""
    for known in session.documents.values():
        if known.path == path:
            return known
    return Document(session.uri(path), path, Text(text), None, session.files)


def _specs(session: Session) -> Iterator[Path]:
    """Open documents, and specs in the folders of the workspace; hidden folders are not read."""
    yield from (d.path for d in session.documents.values())
    for folder in session.server.workspace.folders.values():
        yield from islice(_below(path_of(folder.uri)), MOST_FILES)


def _below(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if f[0] not in "._" and f != "node_modules")
        yield from (Path(where, f) for f in sorted(files) if f.endswith(".qspec"))
