"""Opens a document."""

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session


def run(session: Session, params: types.DidOpenTextDocumentParams) -> None:
    session.open(params.text_document.uri, params.text_document.text, params.text_document.version)


REQUEST = Request(types.TEXT_DOCUMENT_DID_OPEN, run)
