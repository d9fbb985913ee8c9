"""Changes the text of a document."""

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session


def run(session: Session, params: types.DidChangeTextDocumentParams) -> None:
    session.change(
        params.text_document.uri, list(params.content_changes), params.text_document.version
    )


REQUEST = Request(types.TEXT_DOCUMENT_DID_CHANGE, run)
