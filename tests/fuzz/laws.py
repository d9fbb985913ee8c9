"""States what `fmt` promises, as functions that give what is broken of it."""

from collections import Counter
from collections.abc import Iterable, Iterator

from qdsl.source import Source
from qdsl.syntax import format_file, parse, tree
from tests.fuzz.places import Places


def broken(file: tree.File) -> Iterator[str]:
    """What formatting a file, parsed without errors, breaks; nothing when all is well."""
    text = format_file(file)
    again, diagnostics = parse(Source(file.source.name, text))
    if diagnostics:
        yield f"the formatted text does not parse: {diagnostics[0].code} {diagnostics[0].message}"
        return
    if again != file:
        yield "the formatted text parses to another tree"
        return
    if format_file(again) != text:
        yield "formatting twice is not formatting once"
    if any(line != line.rstrip() for line in text.split("\n")):
        yield "a line ends in spaces"
    yield from _comments(file, again)


def _comments(before: tree.File, after: tree.File) -> Iterator[str]:
    """Comments that are lost, or stand by other elements than they did."""
    if Counter(_texts(before)) != Counter(_texts(after)):
        yield "the comments are not the same"
        return
    if any(count > 1 for count in Counter(_texts(before)).values()):
        return  # one cannot tell them apart
    old, new = Places(before), Places(after)
    if old.tokens != new.tokens:
        return  # `else { if … }` lost its braces: nothing to count by
    places = {c.text: c.span.start for c in after.comments}
    for comment in before.comments:
        first, last = old.reach(comment.span.start)
        if not first <= new.count(places[comment.text]) <= last:
            yield f"the comment `{comment.text}` moves from its element"


def _texts(file: tree.File) -> Iterable[str]:
    return (comment.text for comment in file.comments)
