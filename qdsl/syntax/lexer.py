"""Cuts text into tokens, and sets comments and documentation aside."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from qdsl.diagnostic.model import Diagnostic
from qdsl.source import Source, Span
from qdsl.syntax import tree
from qdsl.syntax.tables import END, Tables

STRAY = -1
"""The symbol of what was already reported: it fits nowhere, silently."""


class Token(NamedTuple):
    """A terminal of the grammar with its text and place; `text` is empty where none was written."""

    symbol: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Lexed:
    """The tokens of a text, the end token last; `docs` maps a token's start to what documents it."""

    tokens: list[Token] = field(default_factory=list)
    comments: list[tree.Comment] = field(default_factory=list)
    docs: dict[int, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def lex(source: Source, tables: Tables, limit: int) -> Lexed:
    """All tokens of a text; what is no token is reported and replaced by the nearest that is.

    The text ends for it after `limit` mistakes.
    """
    text, words, signs, symbols = source.text, tables.words, tables.signs, tables.terminals
    name, match = tables.name, re.compile(tables.pattern).match
    lexed = Lexed()
    tokens, doc, position = lexed.tokens, list[str](), 0
    while position < len(text) and len(lexed.diagnostics) < limit:
        found = match(text, position)
        if found is None:
            position = _mistake(source, tables, position, lexed)
            continue
        start, position = position, found.end()
        kind = found.lastgroup
        if kind == "SPACE":
            if doc and text.count("\n", start, position) > 1:
                doc.clear()
            continue
        word = found[0]
        if kind == "COMMENT":
            comment = _comment(source, start, word)
            lexed.comments.append(comment)
            if comment.own_line and word.startswith("##"):
                doc.append(comment.text[2:].removeprefix(" "))
            continue
        if doc:
            lexed.docs[start] = "\n".join(doc)
            doc.clear()
        if kind == "NAME":
            symbol = words.get(word, name)
        elif kind == "SIGN":
            symbol = signs[word]
        else:
            symbol = symbols[kind or ""]
        tokens.append(Token(symbol, word, start, position))
    tokens.append(Token(END, "", len(text), len(text)))
    return lexed


def _comment(source: Source, start: int, word: str) -> tree.Comment:
    line = source.text.rfind("\n", 0, start) + 1
    own_line = not source.text[line:start].strip()
    text = word.rstrip()
    return tree.Comment(text, own_line, Span(source, start, start + len(text)))


def _mistake(source: Source, tables: Tables, position: int, lexed: Lexed) -> int:
    """Reports what stands at a position where no token does; returns where it ends."""
    # only a file with mistakes pays for their descriptions
    from qdsl.syntax.mistakes import lexical

    mistake = lexical.at(source, position, re.compile(tables.pattern))
    lexed.diagnostics.append(mistake.diagnostic)
    if mistake.terminal is not None:
        symbol = tables.terminals.get(mistake.terminal, STRAY)
        lexed.tokens.append(Token(symbol, mistake.text, position, mistake.end))
    return mistake.end
