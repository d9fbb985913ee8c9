"""Offers the fixes of diagnostics: the edit that one carries, or the name that it proposes."""

import re
from collections.abc import Iterator

from lsprotocol import types

from qdsl.diagnostic.model import Diagnostic, Edit
from qdsl.lsp.findings import Reporter
from qdsl.lsp.request import Request
from qdsl.lsp.session import Session

MEANT = re.compile(r"did you mean `(\w+)`\?")
NAME = re.compile(r"\w+")


def run(session: Session, params: types.CodeActionParams) -> list[types.CodeAction]:
    document = session.wanted(params.text_document.uri)
    start, end = document.text.span(params.range)
    file = document.analyse().compiled.file
    reporter = Reporter(document.path, document.text, file, session.files)
    found: list[types.CodeAction] = []
    for diagnostic in document.findings():
        place = diagnostic.primary and session.files.place(diagnostic.primary.span)
        if place and place.path == document.path and place.start <= end and start <= place.end:
            found += _actions(session, diagnostic, reporter)
    return found


def _actions(
    session: Session, diagnostic: Diagnostic, reporter: Reporter
) -> Iterator[types.CodeAction]:
    fix = diagnostic.fix or _meant(diagnostic)
    place = session.files.place(fix.span) if fix else None
    if fix is None or place is None:
        return
    location = session.location(place)
    said = reporter.said(diagnostic)
    yield types.CodeAction(
        title=_title(fix.span.text, fix.text),
        kind=types.CodeActionKind.QuickFix,
        diagnostics=[said] if said else None,
        edit=types.WorkspaceEdit(
            changes={location.uri: [types.TextEdit(location.range, fix.text)]}
        ),
        is_preferred=True,
    )


def _meant(diagnostic: Diagnostic) -> Edit | None:
    """The nearest name in place of an unknown one, where that is the whole of the help."""
    found = MEANT.fullmatch(diagnostic.help or "")
    if found is None or diagnostic.primary is None:
        return None
    span = diagnostic.primary.span
    return Edit(span, found[1]) if NAME.fullmatch(span.text) else None


def _title(old: str, new: str) -> str:
    old, new = " ".join(old.split()), " ".join(new.split())
    if not old:
        return f"insert `{new}`"
    return f"replace `{old}` by `{new}`" if new else f"remove `{old}`"


REQUEST = Request(
    types.TEXT_DOCUMENT_CODE_ACTION,
    run,
    types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]),
)
