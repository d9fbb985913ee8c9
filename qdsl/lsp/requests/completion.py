"""Proposes names, arguments, properties, formats and paths for the place of the cursor."""

from inspect import cleandoc

from lsprotocol import types

from qdsl.lsp.complete.proposal import Proposal, Sort
from qdsl.lsp.complete.propose import propose
from qdsl.lsp.request import Request
from qdsl.lsp.session import Session

KINDS = {
    Sort.KEYWORD: types.CompletionItemKind.Keyword,
    Sort.LAYER: types.CompletionItemKind.Class,
    Sort.BLOCK: types.CompletionItemKind.Class,
    Sort.FORMAT: types.CompletionItemKind.TypeParameter,
    Sort.FUNCTION: types.CompletionItemKind.Function,
    Sort.MEMBER: types.CompletionItemKind.Field,
    Sort.VALUE: types.CompletionItemKind.Value,
    Sort.PARAMETER: types.CompletionItemKind.Variable,
    Sort.PROPERTY: types.CompletionItemKind.Property,
    Sort.ITEM: types.CompletionItemKind.Reference,
    Sort.MODULE: types.CompletionItemKind.Module,
    Sort.UNIT: types.CompletionItemKind.Unit,
}


def run(session: Session, params: types.CompletionParams) -> types.CompletionList:
    view, offset = session.view(params)
    proposals: dict[str, Proposal] = {}
    for proposal in propose(view, offset):
        proposals.setdefault(proposal.text, proposal)
    found = [_item(p, i) for i, p in enumerate(proposals.values())]
    return types.CompletionList(is_incomplete=False, items=found)


def _item(proposal: Proposal, rank: int) -> types.CompletionItem:
    """What stands first is what the place is made for: editors keep the order."""
    doc = types.MarkupContent(types.MarkupKind.Markdown, cleandoc(proposal.doc))
    return types.CompletionItem(
        label=proposal.text,
        kind=KINDS[proposal.sort],
        detail=proposal.detail or None,
        insert_text=proposal.insert or None,
        documentation=doc if proposal.doc else None,
        sort_text=f"{rank:04}",
    )


REQUEST = Request(
    types.TEXT_DOCUMENT_COMPLETION,
    run,
    types.CompletionOptions(trigger_characters=[".", ":", "(", "{", "="]),
)
