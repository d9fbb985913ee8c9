"""Formats a document as `qdsl fmt` does; one with syntax errors is left alone."""

from difflib import SequenceMatcher

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session
from qdsl.lsp.text import Text
from qdsl.source import Source
from qdsl.syntax import format_file, parse


def run(session: Session, params: types.DocumentFormattingParams) -> list[types.TextEdit] | None:
    text = session.wanted(params.text_document.uri).text
    file, findings = parse(Source("", text.text))
    if any(d.is_error for d in findings):
        return None
    return _edits(text, format_file(file))


def _edits(text: Text, formatted: str) -> list[types.TextEdit]:
    """The lines that differ, so that cursors and marks elsewhere stay."""
    old, new = text.text.splitlines(True), formatted.splitlines(True)
    starts = [0]
    for line in old:
        starts.append(starts[-1] + len(line))
    changes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return [
        types.TextEdit(text.range(starts[a], starts[b]), "".join(new[c:d]))
        for what, a, b, c, d in changes
        if what != "equal"
    ]


REQUEST = Request(types.TEXT_DOCUMENT_FORMATTING, run)
