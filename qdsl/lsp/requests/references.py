"""Finds every place that names a thing, in all files of the workspace."""

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session
from qdsl.lsp.symbol import Kind
from qdsl.lsp.workspace import everywhere


def run(session: Session, params: types.ReferenceParams) -> list[types.Location] | None:
    view, offset = session.view(params)
    named = view.at(offset)
    if named is None or named.symbol.kind is Kind.WORD:
        return None
    found = [n for v in everywhere(session, view, named.symbol) for n in v.of(named.symbol)]
    defining = params.context.include_declaration
    return [session.location(n.place) for n in found if defining or not n.occurrence.binds]


REQUEST = Request(types.TEXT_DOCUMENT_REFERENCES, run)
