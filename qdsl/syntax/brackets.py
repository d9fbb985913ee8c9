"""Balances brackets before the parse, so that one bracket too few or too many is one error."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.source import Source, Span
from qdsl.syntax.lexer import Token
from qdsl.syntax.margins import Margin, margins
from qdsl.syntax.tables import Tables

SIGNS: Mapping[str, str] = {"(": ")", "[": "]", "{": "}"}

ITEMS = frozenset("import format block model policy budget variant recipe target extern".split())
"""Words that, unindented and before another word, begin an item wherever they stand."""


def pairs(tables: Tables) -> Mapping[int, int]:
    """The symbol of each opening bracket, with that of its closing one."""
    return {tables.signs[opener]: tables.signs[closer] for opener, closer in SIGNS.items()}


def deepest(tokens: Sequence[Token], tables: Tables, limit: int) -> Token | bool:
    """Whether the brackets are balanced; or the first of them deeper than the limit."""
    closers = pairs(tables)
    closing = frozenset(closers.values())
    expected: list[int] = []
    balanced = True
    for token in tokens:
        symbol = token.symbol
        if symbol in closers:
            expected.append(closers[symbol])
            if len(expected) > limit:
                return token
        elif symbol in closing and (not expected or expected.pop() != symbol):
            balanced = False
    return balanced and not expected


def partners(tokens: Sequence[Token], tables: Tables) -> Mapping[int, int]:
    """Positions of the brackets of balanced tokens, each mapped to that of its partner."""
    closers = pairs(tables)
    closing = frozenset(closers.values())
    found: dict[int, int] = {}
    opened: list[int] = []
    for i, token in enumerate(tokens):
        if token.symbol in closers:
            opened.append(i)
        elif token.symbol in closing:
            found[i] = opened.pop()
            found[found[i]] = i
    return found


def balance(
    source: Source, tokens: Sequence[Token], tables: Tables
) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens with brackets put in and left out until they balance, item by item."""
    result: list[Token] = []
    diagnostics: list[Diagnostic] = []
    found = margins(source, tokens)
    for item in _items(tokens[:-1], found):
        if deepest(item, tables, len(item)) is True:
            result += item
        else:
            repair = _Repair(source, tables, found)
            for token in item:
                repair.take(token)
            repair.close(len(repair.stack))
            result += repair.tokens
            diagnostics += repair.diagnostics
    return [*result, tokens[-1]], diagnostics


def _items(tokens: Sequence[Token], found: Mapping[int, Margin]) -> Iterator[Sequence[Token]]:
    """The tokens cut where items begin for sure."""
    first = 0
    for i in range(1, len(tokens) - 1):
        word, following = tokens[i], tokens[i + 1].text
        if (
            word.text in ITEMS
            and (following.isidentifier() or following in (".", ".."))
            and found[word.start] == (0, True)
        ):
            yield tokens[first:i]
            first = i
    yield tokens[first:]


class _Open(NamedTuple):
    token: Token
    indent: int  # of the line it stands on


class _Repair:
    """Mends one item, in which brackets do not balance, by the indentation of its lines."""

    def __init__(self, source: Source, tables: Tables, found: Mapping[int, Margin]) -> None:
        self.source = source
        self.margins = found
        self.closers = pairs(tables)
        self.signs = {symbol: sign for sign, symbol in tables.signs.items()}
        self.stack: list[_Open] = []
        self.tokens: list[Token] = []
        self.diagnostics: list[Diagnostic] = []

    def take(self, token: Token) -> None:
        indent, is_first = self.margins[token.start]
        if is_first:
            self._dedent(token, indent)
        if token.symbol in self.closers:
            self.stack.append(_Open(token, indent))
        elif token.symbol in self.closers.values():
            if is_first and self.stack and indent > self.stack[-1].indent:
                return self._unmatched(token)
            return self._closer(token)
        self.tokens.append(token)

    def close(self, count: int) -> None:
        """Closes that many of the innermost open brackets, in one error."""
        if not count:
            return
        missing = self.stack[-count:][::-1]
        del self.stack[-count:]
        end = self.tokens[-1].end
        for opened in missing:
            self.tokens.append(Token(self.closers[opened.token.symbol], "", end, end))
        signs = "".join(self.signs[self.closers[o.token.symbol]] for o in missing)
        opener = missing[0].token
        self.diagnostics.append(
            error(
                "Q011",
                f"unclosed `{opener.text}`",
                Span(self.source, end, end),
                f"`{signs}` is missing here",
                secondary=[(self._span(o.token), "opened here") for o in missing[:3]],
            )
        )

    def _dedent(self, token: Token, indent: int) -> None:
        """A line indented no deeper than that of an open bracket: it cannot be inside."""
        depth = 0
        for opened in reversed(self.stack):
            closes = self.closers[opened.token.symbol] == token.symbol
            if indent > opened.indent or (indent == opened.indent and closes):
                break
            depth += 1
        self.close(depth)

    def _closer(self, token: Token) -> None:
        for depth, opened in enumerate(reversed(self.stack)):
            if self.closers[opened.token.symbol] == token.symbol:
                self.close(depth)
                self.stack.pop()
                self.tokens.append(token)
                return
            if opened.token.text == "{":
                break
        if not self.stack or self.stack[-1].token.text == "{" or token.text == "}":
            return self._unmatched(token)
        opener = self.stack.pop().token
        right = self.closers[opener.symbol]
        self.tokens.append(Token(right, token.text, token.start, token.end))
        self.diagnostics.append(
            error(
                "Q012",
                f"`{token.text}` closes `{opener.text}`",
                self._span(token),
                f"should be `{self.signs[right]}`",
                secondary=[(self._span(opener), "opened here")],
            )
        )

    def _unmatched(self, token: Token) -> None:
        self.diagnostics.append(
            error(
                "Q012",
                f"`{token.text}` closes nothing",
                self._span(token),
                help="remove it, or add the bracket that opens it",
            )
        )

    def _span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)
