"""Renames a thing wherever it is named; what would change a meaning is refused."""

from lsprotocol import types

from qdsl.lsp.renaming import check, edits, renamed_at
from qdsl.lsp.request import Request
from qdsl.lsp.session import Session
from qdsl.lsp.text import Text


def run(session: Session, params: types.RenameParams) -> types.WorkspaceEdit:
    view, offset = session.view(params)
    named = renamed_at(view, offset)
    found = edits(session, view, named.symbol, params.new_name)
    check(session, found, params.new_name)
    changes: dict[str, list[types.TextEdit]] = {}
    for path, places in found.items():
        text = Text(session.files.text(path) or "", view.document.text.encoding)
        changes[session.uri(path)] = [
            types.TextEdit(text.range(p.start, p.end), params.new_name) for p in places
        ]
    return types.WorkspaceEdit(changes=changes)


REQUEST = Request(types.TEXT_DOCUMENT_RENAME, run, types.RenameOptions(prepare_provider=True))
