"""Tells what stands under the cursor: signature, documentation, bytes, and the rules that won."""

from lsprotocol import types

from qdsl.lsp.about import about
from qdsl.lsp.request import Request
from qdsl.lsp.session import Session


def run(session: Session, params: types.HoverParams) -> types.Hover | None:
    view, offset = session.view(params)
    named = view.at(offset)
    text = about(named.symbol, view, session.explain) if named else None
    if named is None or not text:
        return None
    range = view.document.text.range(named.place.start, named.place.end)
    return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text), range)


REQUEST = Request(types.TEXT_DOCUMENT_HOVER, run)
