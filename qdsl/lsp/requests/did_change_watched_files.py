"""Looks again at all documents when files change on the disk."""

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session


def run(session: Session, params: types.DidChangeWatchedFilesParams) -> None:
    session.refresh()


REQUEST = Request(types.WORKSPACE_DID_CHANGE_WATCHED_FILES, run)
