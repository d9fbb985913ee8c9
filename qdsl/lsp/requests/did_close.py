"""Closes a document."""

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session


def run(session: Session, params: types.DidCloseTextDocumentParams) -> None:
    session.close(params.text_document.uri)


REQUEST = Request(types.TEXT_DOCUMENT_DID_CLOSE, run)
