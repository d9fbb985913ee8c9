"""Cuts text into tokens, and sets comments and documentation aside."""

import re
from dataclasses import field
from typing import NamedTuple

from qdsl.diagnostic.model import Diagnostic
from qdsl.record import record
from qdsl.source import Source, Span
from qdsl.syntax import tree
from qdsl.syntax.grammar import END, Tables

STRAY = -1
"""The symbol of what was already reported: it fits nowhere, silently."""


class Token(NamedTuple):
    """A terminal of the grammar with its text and place; `text` is empty where none was written."""

    symbol: int
    text: str
    start: int
    end: int


@record
class Lexed:
    """The tokens of a text, the end token last; `docs` maps the start of a token to its doc."""

    tokens: list[Token] = field(default_factory=list)
    comments: list[tree.Comment] = field(default_factory=list)
    docs: dict[int, str] = field(default_factory=dict)
    diagnostics: list[Diagnostic] = field(default_factory=list)


def lex(source: Source, tables: Tables, limit: int, *, foreign: bool = False) -> Lexed:
    """All tokens of a text; what is no token is reported and replaced by the nearest that is.

    The text ends for it after `limit` mistakes. `foreign`: slashes that look like a comment are
    one, and a mistake.
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
        kind, word = found.lastgroup or "", found[0]
        if kind in ("SPACE", "COMMENT"):
            _set_aside(source, start, word, lexed, doc)
            continue
        if doc:
            lexed.docs[start] = "\n".join(doc)
            doc.clear()
        if foreign and word[0] == "/" and (end := _foreign_comment(source, start, lexed)):
            position = end
            continue
        symbol = words.get(word, name) if kind == "NAME" else signs.get(word) or symbols[kind]
        tokens.append(Token(symbol, word, start, position))
    tokens.append(Token(END, "", len(text), len(text)))
    return lexed


def _set_aside(source: Source, start: int, word: str, lexed: Lexed, doc: list[str]) -> None:
    """Keeps a comment; `doc` collects the documentation that stands right above what follows."""
    if word[0] != "#":
        if doc and word.count("\n") > 1:
            doc.clear()
        return
    line = source.text.rfind("\n", 0, start) + 1
    own_line = not source.text[line:start].strip()
    text = word.rstrip()
    lexed.comments.append(tree.Comment(text, own_line, Span(source, start, start + len(text))))
    if own_line and text.startswith("##"):
        doc.append(text[2:].removeprefix(" "))


def _foreign_comment(source: Source, position: int, lexed: Lexed) -> int | None:
    """Reports `// …` and `/* … */`; returns where the comment ends, if it is one."""
    from qdsl.syntax.mistakes import lexical

    mistake = lexical.comment(source, position)
    if mistake is None:
        return None
    lexed.diagnostics.append(mistake.diagnostic)
    return mistake.end


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
