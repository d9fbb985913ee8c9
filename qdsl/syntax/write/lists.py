"""Lays out lists of nodes with the comments among them: in brackets, and as bodies in braces."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from qdsl.source import Span
from qdsl.syntax.comments import Comments
from qdsl.syntax.layout import Doc, Group, Hard, Line, Nest, Suffix


class Node(Protocol):
    """What has a place in the source."""

    @property
    def span(self) -> Span: ...


T = TypeVar("T", bound=Node)
Write = Callable[[Comments, T], Doc]
Region = tuple[int, int]
"""The offsets between which comments belong to a list: from the start of its node to its end."""


def bracketed(
    comments: Comments,
    brackets: str,
    nodes: Sequence[T],
    write: Write[T],
    region: Region,
    *,
    pad: str = "",
) -> Doc:
    """`(a, b)`; where it does not fit, each node on its own line and a comma behind each.

    `pad` stands inside of the brackets on one line.
    """
    start, end = region
    inside: list[Doc] = []
    for i, node in enumerate(nodes):
        doc = write(comments, node)
        inside += [Line() if i else Line(pad)]
        for comment in comments.take(start, node.span.end):
            inside += [comment.text, Hard()]
        start = node.span.end
        inside += [doc, "," if i + 1 < len(nodes) else "", _suffix(comments, start)]
    left = comments.take(start, end)
    if left and nodes:
        inside.append(",")
    for comment in left:
        inside += [Hard(), comment.text]
    last = Line(pad, "," if nodes and not left else "")
    return Group([brackets[0], Nest(inside), last if inside else "", brackets[1]])


def body(
    comments: Comments,
    nodes: Sequence[T],
    write: Write[T],
    region: Region,
    *,
    inline: bool = False,
) -> Doc:
    """` { … }` with each node on its own line, or, `inline`, broken as the group around it is."""
    docs = [write(comments, node) for node in nodes]
    start, end = region
    beside = comments.beside(start, nodes[0].span.start if nodes else end)
    inside = lines(comments, nodes, docs, region, inline=inline)
    if not inside and beside is None:
        return " {}"
    between: Doc = Line() if inline and nodes else Hard()  # a comment alone ends its line
    return [" {", Suffix(beside.text) if beside else "", Nest([between, inside]), between, "}"]


def lines(
    comments: Comments,
    nodes: Sequence[T],
    docs: Sequence[Doc],
    region: Region,
    *,
    inline: bool = False,
    apart: Callable[[int], bool] = lambda i: False,
) -> list[Doc]:
    """The nodes, already laid out, one below the other.

    A single blank line stays where there was one, and one is put before the nodes that are `apart`.
    """
    result: list[Doc] = []
    start, end = region
    for i, (node, doc) in enumerate(zip(nodes, docs, strict=True)):
        above = comments.take(start, node.span.end)
        before = [c for c in above if c.span.start < node.span.start]
        parts: list[tuple[Doc, int | None]] = [(c.text, c.span.start) for c in before]
        # what stood inside of the node moves above it, without lines between
        parts += [(c.text, None) for c in above[len(before) :]]
        parts.append((doc, node.span.start if len(above) == len(before) else None))
        if not before:
            parts[0] = (parts[0][0], node.span.start)
        start = node.span.end
        for j, (part, offset) in enumerate(parts):
            if result:
                blank = offset is not None and comments.blank_before(offset)
                simple = inline and not above
                result.append(Line("; ") if simple else Hard(blank or (not j and apart(i))))
            result.append(part)
        result.append(_suffix(comments, start))
    for comment in comments.take(start, end):
        if result:
            result.append(Hard(comments.blank_before(comment.span.start)))
        result.append(comment.text)
    return result


def _suffix(comments: Comments, end: int) -> Doc:
    comment = comments.trailing(end)
    return Suffix(comment.text) if comment else ""
