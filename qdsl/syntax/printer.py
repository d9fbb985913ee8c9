"""Prints a tree in its one layout: what `fmt` writes."""

import re
from collections.abc import Sequence
from typing import assert_never

from qdsl.syntax import tree
from qdsl.syntax.comments import Comments
from qdsl.syntax.layout import Doc, Hard, Suffix, render
from qdsl.syntax.write.blocks import block, const
from qdsl.syntax.write.expressions import expression
from qdsl.syntax.write.lists import bracketed, lines
from qdsl.syntax.write.policies import budget, policy, variant
from qdsl.syntax.write.recipes import recipe, target

EDITION = re.compile(r"(?:\s|#.*)*qspec(?:\s|#.*)*[0-9]+")


def format_file(file: tree.File) -> str:
    """The text of a file that was parsed without errors.

    Parsing it gives an equal tree, and formatting that gives the same text. Comments stay by what
    they stood by, and single blank lines between members stay; all else follows from the tree.
    """
    comments = Comments(file)
    edition = EDITION.match(file.source.text)
    start = edition.end() if edition else 0
    above = comments.take(0, start)
    parts: list[Doc] = []
    for comment in above:
        parts += [comment.text, Hard()]
    beside = comments.trailing(start)
    parts += [f"qspec {file.edition}", Suffix(beside.text) if beside else ""]
    docs = [item(comments, node) for node in file.items]
    region = (start, len(file.source.text))
    items = lines(comments, file.items, docs, region, apart=lambda i: _apart(file.items, i))
    if items:
        parts += [Hard(blank=True), items]
    return render(parts) + "\n"


def item(comments: Comments, node: tree.Item) -> Doc:
    match node:
        case tree.Import():
            return import_(comments, node)
        case tree.Const():
            return const(comments, node)
        case tree.Format(name, value):
            return [f"format {name.text} = ", expression(comments, value)]
        case tree.Block():
            return block(comments, node)
        case tree.Policy():
            return policy(comments, node)
        case tree.Budget():
            return budget(comments, node)
        case tree.Recipe():
            return recipe(comments, node)
        case tree.Target():
            return target(comments, node)
        case tree.Variant():
            return variant(comments, node)
        case _:
            assert_never(node)


def import_(comments: Comments, node: tree.Import) -> Doc:
    path = "." * node.relative + ".".join(name.text for name in node.module)
    start = node.module[-1].span.end
    names = bracketed(
        comments, "{}", node.names, lambda _, name: name.text, (start, node.span.end), pad=" "
    )
    return [f"import {path} ", names]


def _apart(items: Sequence[tree.Item], i: int) -> bool:
    """Whether a blank line stands before an item: not between short ones of a kind."""
    short = isinstance(items[i], tree.Import | tree.Const | tree.Format)
    return i > 0 and not (short and type(items[i]) is type(items[i - 1]))
