"""Reads bodies as Python has them, a colon and deeper lines: each colon is one error, not many."""

from collections.abc import Sequence

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.source import Source, Span
from qdsl.syntax.brackets import SIGNS
from qdsl.syntax.grammar import END, Tables
from qdsl.syntax.lexer import Token
from qdsl.syntax.margins import Margin, margins

HEADS = frozenset(
    "block model policy budget variant recipe target stage entry fn forward for if else elif while "
    "repeat default optional class def".split()
)
"""Words that begin a line which a body follows."""

FOREIGN = frozenset(["class", "def", "elif", "while"])
"""Those among them that are reported themselves."""


def braced(
    source: Source, tokens: Sequence[Token], tables: Tables
) -> tuple[Sequence[Token], list[Diagnostic]]:
    """The tokens with braces in place of such colons, and before what is indented less again.

    A closing brace that was put in has no text.
    """
    found, diagnostics = margins(source, tokens), list[Diagnostic]()
    result, bodies, head, depth = list[Token](), list[int](), "", 0
    for token, after in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        indent, is_first = found.get(token.start, Margin(0, token.symbol == END))
        if is_first:
            head = token.text
            while bodies and indent <= bodies[-1]:
                bodies.pop()
                end = result[-1].end
                result.append(Token(tables.signs["}"], "", end, end))
        depth = max(0, depth + (token.text in SIGNS) - (token.text in SIGNS.values()))
        if token.text in "{}":
            depth = 0
        below = found.get(after.start, Margin(0, False))
        if token.text == ":" and not depth and below.is_first and below.indent > indent:
            if head in HEADS:
                bodies.append(indent)
                diagnostics += [] if head in FOREIGN else [_colon(source, token)]
                token = token._replace(symbol=tables.signs["{"], text="{")
        result.append(token)
    return result, diagnostics


def _colon(source: Source, token: Token) -> Diagnostic:
    help = "a body stands in braces: `{ … }`"
    return error("Q016", "`:` before a body", Span(source, token.start, token.end), help=help)
