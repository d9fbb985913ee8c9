"""Describes what is matched: rules over one line, in the regular expressions that Python and
Oniguruma share."""

import re
from collections.abc import Iterable

from qdsl.highlight import words
from qdsl.highlight.scopes import Scope
from qdsl.record import record

Groups = tuple[Scope, ...]
"""What the groups of a pattern are, from the first; one Scope for a pattern without groups."""


@record
class Match:
    """Text of one kind, or of one kind for each group."""

    pattern: str
    scopes: Groups


@record
class Region:
    """From `begin` to `end`, with the rules of the context `inside` between; it may span lines."""

    begin: str
    begin_scopes: Groups
    end: str
    end_scopes: Groups
    inside: str


@record
class Include:
    """All rules of another context."""

    context: str


Rule = Match | Region | Include


def match(pattern: str, *scopes: Scope) -> Match:
    return Match(pattern, scopes)


def bracket(opening: str, closing: str, inside: str) -> Region:
    """What stands between brackets that are punctuation."""
    sign = (Scope.PUNCTUATION,)
    return Region(opening, sign, closing, sign, inside)


def any_of(texts: Iterable[str]) -> str:
    """A group that matches any of the texts, the longest first."""
    ordered = sorted(texts, key=lambda text: (-len(text), text))
    return f"(?:{'|'.join(map(re.escape, ordered))})"


def word_of(texts: Iterable[str]) -> str:
    """Any of the words, whole."""
    return rf"\b{any_of(texts)}\b"


NAME = rf"\b(?!{any_of(words.reserved())}\b)[A-Za-z_][A-Za-z0-9_]*\b"
INTEGER = r"\b[0-9][0-9_]*(?![0-9A-Za-z_]|\.[0-9])"
FLOAT = r"\b[0-9][0-9_]*(?:\.[0-9]+(?:[eE][+-]?[0-9]+)?|[eE][+-]?[0-9]+)(?![0-9A-Za-z_]|\.[0-9])"
GAP = r"[ \t]*"
SPACE = r"[ \t]+"
ASSIGN = r"=(?!=)"
NUMERIC_TYPE = r"\b(?:u?int[1-9][0-9]?|[iu](?:8|16|32|64)|b?f(?:16|32|64)|bool|ternary|binary)\b"
