"""Tells how the line of each token is indented, and which tokens begin a line."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from qdsl.source import Source
from qdsl.syntax.lexer import Token


class Margin(NamedTuple):
    """The indentation of a token's line, and whether the token is the first on it."""

    indent: int
    is_first: bool


def margins(source: Source, tokens: Iterable[Token]) -> Mapping[int, Margin]:
    """The margin of each token that was written, by its start."""
    text, found = source.text, dict[int, Margin]()
    end = indent = 0
    for token in tokens:
        line = text.rfind("\n", end, token.start) + 1
        is_first = bool(line) or not found
        if is_first:
            indent = token.start - line
        if token.text:
            found[token.start] = Margin(indent, is_first)
            end = token.end
    return found
