"""Writes behind each member what it weighs in the variants of the file."""

from collections.abc import Iterator

from lsprotocol import types

from qdsl.lsp.document import Document
from qdsl.lsp.request import Request
from qdsl.lsp.session import Session
from qdsl.lsp.view import View
from qdsl.lsp.weights import Weight
from qdsl.size.quantity import bytes_text, exact_bytes
from qdsl.syntax import tree

SHOWN = 12  # variants in a tooltip


def run(session: Session, params: types.InlayHintParams) -> list[types.InlayHint]:
    """Only variants that were sized already count: nobody waits for a hint."""
    document = session.wanted(params.text_document.uri)
    start, end = document.text.span(params.range)
    found: list[types.InlayHint] = []
    for block, member in _members(document):
        place = document.files.place(member.span)
        if place and start <= place.end <= end:
            weights = _weights(document, block, member.name.text)
            if any(most for _, most in weights.values()):
                found.append(_hint(document.text.position(place.end), weights))
    return found


def _members(
    document: Document,
) -> Iterator[tuple[tree.Block, tree.Member | tree.ParameterMember]]:
    scope = View(document).scope
    for block in scope.own(tree.Block) if scope else ():
        for member in block.members:
            if isinstance(member, tree.Member | tree.ParameterMember):
                yield block, member


def _weights(document: Document, block: tree.Block, member: str) -> dict[str, Weight]:
    """By variant, where the block is a part of it."""
    found = {name: w.of(block, member) for name, w in document.weighed()}
    return {name: weight for name, weight in found.items() if weight is not None}


def _hint(position: types.Position, weights: dict[str, Weight]) -> types.InlayHint:
    least = min(least for least, _ in weights.values())
    most = max(most for _, most in weights.values())
    label = bytes_text(most) if least == most else f"{bytes_text(least)} … {bytes_text(most)}"
    lines = [f"- `{name}`: {_exact(weight)}" for name, weight in list(weights.items())[:SHOWN]]
    if len(weights) > SHOWN:
        lines.append(f"- and {len(weights) - SHOWN} more variants")
    tooltip = types.MarkupContent(types.MarkupKind.Markdown, "\n".join(lines))
    return types.InlayHint(position, label, padding_left=True, tooltip=tooltip)


def _exact(weight: Weight) -> str:
    least, most = weight
    return exact_bytes(most) if least == most else f"{exact_bytes(least)} … {exact_bytes(most)}"


REQUEST = Request(types.TEXT_DOCUMENT_INLAY_HINT, run)
