"""Says whether the name at a place can be renamed, before the user types another."""

from lsprotocol import types

from qdsl.lsp.renaming import renamed_at
from qdsl.lsp.request import Request
from qdsl.lsp.session import Session


def run(session: Session, params: types.PrepareRenameParams) -> types.Range:
    view, offset = session.view(params)
    named = renamed_at(view, offset)
    place = named.place
    return view.document.text.range(place.start, place.end)


REQUEST = Request(types.TEXT_DOCUMENT_PREPARE_RENAME, run)
