"""Marks the other places of a document that name the same thing."""

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session
from qdsl.lsp.symbol import Kind


def run(
    session: Session, params: types.DocumentHighlightParams
) -> list[types.DocumentHighlight] | None:
    view, offset = session.view(params)
    named = view.at(offset)
    if named is None or named.symbol.kind is Kind.WORD:
        return None
    text = view.document.text
    return [
        types.DocumentHighlight(
            text.range(n.place.start, n.place.end),
            types.DocumentHighlightKind.Write
            if n.occurrence.binds
            else types.DocumentHighlightKind.Read,
        )
        for n in view.of(named.symbol)
    ]


REQUEST = Request(types.TEXT_DOCUMENT_DOCUMENT_HIGHLIGHT, run)
