"""Mends brackets before the parse, so that one too few or too many is one error."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.source import Source, Span
from qdsl.syntax.brackets import deepest, pairs
from qdsl.syntax.grammar import Tables
from qdsl.syntax.lexer import Token
from qdsl.syntax.margins import Margin, margins

ITEMS = frozenset("import format block model policy budget variant recipe target extern".split())
"""Words that, unindented and before another word, begin an item wherever they stand."""

BRACED = frozenset(["if", "else", "repeat"])
"""Words that may bring braces into parentheses."""


def balance(
    source: Source, tokens: Sequence[Token], tables: Tables
) -> tuple[list[Token], list[Diagnostic]]:
    """The tokens with brackets put in and left out until they balance, item by item.

    A bracket that was put in has no text.
    """
    result: list[Token] = []
    diagnostics: list[Diagnostic] = []
    found = margins(source, tokens)
    for item in _items(tokens[:-1], found):
        if deepest(item, tables, len(item)) is True:
            result += item
        else:
            repair = _Repair(source, tables, found)
            for token, following in zip(item, [*item[1:], None], strict=True):
                repair.take(token, following)
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


@dataclass(slots=True)
class _Open:
    """A bracket that is open, with the indentation of its line."""

    token: Token
    indent: int
    may_hold_braces: bool


class _Repair:
    """Mends one item, in which brackets do not balance, by the indentation of its lines."""

    def __init__(self, source: Source, tables: Tables, found: Mapping[int, Margin]) -> None:
        self.source = source
        self.margins = found
        self.closers = pairs(tables)
        self.closing = frozenset(self.closers.values())
        self.signs = {symbol: sign for sign, symbol in tables.signs.items()}
        self.stack: list[_Open] = []
        self.tokens: list[Token] = []
        self.diagnostics: list[Diagnostic] = []

    def take(self, token: Token, following: Token | None) -> None:
        if not token.text:
            return self._end_of_body(token)
        indent, is_first = self.margins[token.start]
        if is_first:
            self._dedent(token, indent)
        if token.text in BRACED and self.stack:
            self.stack[-1].may_hold_braces = True
        if token.symbol in self.closing:
            if is_first and self.stack and indent > self.stack[-1].indent:
                return self._unmatched(token)
            return self._closer(token, following)
        if token.symbol in self.closers:
            if token.text == "{":
                self.close(self._before_brace())
            self.stack.append(_Open(token, indent, token.text == "{"))
        self.tokens.append(token)

    def close(self, count: int) -> None:
        """Closes that many of the innermost open brackets, in one error."""
        if not count:
            return
        missing = [opened.token for opened in self.stack[-count:][::-1]]
        del self.stack[-count:]
        end = self.tokens[-1].end
        signs = ""
        for opener in missing:
            signs += self.signs[self.closers[opener.symbol]]
            self.tokens.append(Token(self.closers[opener.symbol], "", end, end))
        self.diagnostics.append(
            error(
                "Q011",
                f"unclosed `{missing[0].text}`",
                Span(self.source, end, end),
                f"`{signs}` is missing here",
                secondary=[(self._span(opener), "opened here") for opener in missing[:3]],
            )
        )

    def _dedent(self, token: Token, indent: int) -> None:
        """Closes what is open: on a line indented no deeper than its own it cannot go on."""
        count = 0
        for opened in reversed(self.stack):
            closes = self.closers[opened.token.symbol] == token.symbol
            if indent > opened.indent or (indent == opened.indent and closes):
                break
            count += 1
        self.close(count)

    def _end_of_body(self, token: Token) -> None:
        """Takes a brace that was put in by the indentation, if there is a body to close."""
        count = self._reach(token)
        if count is not None:
            self.close(count)
            self.stack.pop()
            self.tokens.append(token)

    def _before_brace(self) -> int:
        """How many brackets end before the brace of a body."""
        count = 0
        for opened in reversed(self.stack):
            if opened.may_hold_braces:
                break
            count += 1
        return count

    def _closer(self, token: Token, following: Token | None) -> None:
        count = self._reach(token)
        if count is not None and not self._is_slip(token, count):
            self.close(count)
            self.stack.pop()
            self.tokens.append(token)
            return
        if not self.stack or self.stack[-1].token.text == "{":
            return self._unmatched(token)
        opener = self.stack[-1].token
        right = self.closers[opener.symbol]
        if following is not None and following.symbol == right:
            return self._unmatched(token)
        self.stack.pop()
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

    def _reach(self, token: Token) -> int | None:
        """How many brackets are open inside of the one that the token closes."""
        for count, opened in enumerate(reversed(self.stack)):
            if self.closers[opened.token.symbol] == token.symbol:
                return count
            if opened.token.text == "{":
                return None
        return None

    def _is_slip(self, token: Token, count: int) -> bool:
        """Whether `}` was written for `)`: what it would close is on another line."""
        if not count or token.text != "}":
            return False
        opener = self.stack[-1 - count].token
        return "\n" in self.source.text[opener.end : token.start]

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
