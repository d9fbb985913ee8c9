"""Goes to where a name is defined, in other files and the library too."""

from lsprotocol import types

from qdsl.lsp.request import Request
from qdsl.lsp.session import Session


def run(session: Session, params: types.DefinitionParams) -> types.Location | None:
    view, offset = session.view(params)
    named = view.at(offset)
    place = view.definition(named.symbol) if named else None
    return session.location(place) if place else None


REQUEST = Request(types.TEXT_DOCUMENT_DEFINITION, run)
