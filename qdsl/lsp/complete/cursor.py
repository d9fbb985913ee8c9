"""Reads the text before a cursor: which item it is in, which brackets are open, what stands last.

Nothing is parsed, for what one is about to complete is not there yet.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from qdsl.lsp.pieces import ITEMS

TOKEN = re.compile(
    r'(?P<space>\s+)|(?P<comment>#[^\n]*)|(?P<string>"(?:[^"\\\n]|\\.)*"?)'
    r"|(?P<word>[A-Za-z_0-9][A-Za-z_0-9]*)|(?P<sign>\|>|->|\.\.|\*\*|[<>=!+]=|.)"
)
PATH = re.compile(r"(?:[\w.*:]|\[[^\]{}\n]*\]?|(?<=\.)\{[^{}\n]*\}?)*$")
ITEM = re.compile(rf"^(?:{'|'.join(ITEMS)})[ \t]", re.MULTILINE)
OPEN, CLOSE = "({[", ")}]"


@dataclass(frozen=True)
class Token:
    text: str
    start: int
    first: bool  # of its line

    @property
    def is_word(self) -> bool:
        return self.text[0].isalnum() or self.text[0] == "_"


@dataclass(frozen=True)
class Frame:
    """An open bracket: the tokens before it, back to the bracket around, and those behind it."""

    sign: str
    head: Sequence[Token]
    inside: Sequence[Token]


@dataclass(frozen=True)
class Cursor:
    """The tokens of an item up to the cursor; `word` is the name that is being typed there."""

    text: str
    start: int  # of the item
    word: str
    tokens: Sequence[Token]
    silent: bool  # in a comment or a string

    @cached_property
    def frames(self) -> tuple[Frame, ...]:
        """The open brackets, outside in; first what stands in no bracket."""
        stack: list[tuple[str, list[Token]]] = [("", [])]
        for token in self.tokens:
            if token.text in CLOSE and len(stack) > 1:
                _, inside = stack.pop()
                stack[-1][1].extend((*inside, token))
                continue
            stack[-1][1].append(token)
            if token.text in OPEN:
                stack.append((token.text, []))
        signs = [sign for sign, _ in stack]
        inner = [tuple(tokens) for _, tokens in stack]
        heads: list[tuple[Token, ...]] = [(), *(tokens[:-1] for tokens in inner[:-1])]
        return tuple(map(Frame, signs, heads, inner))

    @property
    def kind(self) -> str:
        """The word that the item begins with, empty before any."""
        return self.tokens[0].text if self.tokens else ""

    @property
    def last(self) -> str:
        """The token before the word at the cursor; empty at the start of a bracket."""
        inside = self.frames[-1].inside
        return inside[-1].text if inside else ""

    def back(self, count: int) -> str:
        """The token so many before the word; `back(1)` is `last`."""
        inside = self.frames[-1].inside
        return inside[-count].text if len(inside) >= count else ""

    @property
    def path(self) -> str:
        """The run of a path that ends at the cursor, as in `encoder.blocks[*].`, with its word."""
        found = PATH.search(self.text)
        return found[0] if found else ""


def cursor_at(text: str, offset: int) -> Cursor:
    """The cursor at a place."""
    start = 0
    for found in ITEM.finditer(text, 0, offset):
        start = found.start()
    before = text[start:offset]
    tokens: list[Token] = []
    first, silent = True, False
    for found in TOKEN.finditer(before):
        kind = found.lastgroup
        open_end = found.end() == len(before)
        silent = open_end and (kind == "comment" or (kind == "string" and not _closed(found[0])))
        if kind == "space":
            first = first or "\n" in found[0]
        elif kind != "comment":
            tokens.append(Token(found[0], found.start(), first))
            first = False
    word = ""
    if tokens and tokens[-1].is_word and tokens[-1].start + len(tokens[-1].text) == len(before):
        word = tokens.pop().text
    return Cursor(before, start, word, tuple(tokens), silent)


def _closed(string: str) -> bool:
    return len(string) > 1 and string.endswith('"') and not string.endswith('\\"')
