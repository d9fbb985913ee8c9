"""Gathers what is known about a token that does not fit: what was expected, and where."""

from collections.abc import Sequence

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.record import record
from qdsl.source import Source, Span
from qdsl.syntax.automaton import Automaton
from qdsl.syntax.grammar import END
from qdsl.syntax.lexer import STRAY, Token
from qdsl.syntax.recovery import Recovery

CLASSES = {
    "NAME": "a name",
    "INTEGER": "an integer",
    "FLOAT": "a number",
    "STRING": "a string",
    "SPARSE": "`sparse`",
    "$END": "the end of the file",
}
KINDS = {
    "import": "items",
    "tie": "members",
    "return": "statements",
    "optional": "rules",
    "stage": "steps",
}
"""A word that only the elements of one kind of list begin with, and what they are."""


@record
class Scene:
    """An error at `tokens[position]`.

    `expected` holds the words and signs that fit, and class names as in CLASSES. `kind` says what
    the list around the error holds; `element` is the position of its unfinished element's first
    token, None where the error is at an element's start. `opening` is that of the bracket around.
    `closing` is the bracket that closes it, None where none was written.
    `is_new_line`: the token is the first of its line, or the end of the text.
    """

    source: Source
    tokens: Sequence[Token]
    position: int
    expected: frozenset[str]
    kind: str
    element: int | None
    opening: int | None
    closing: Token | None
    is_new_line: bool

    @property
    def token(self) -> Token:
        return self.tokens[self.position]

    @property
    def opener(self) -> Token | None:
        return None if self.opening is None else self.tokens[self.opening]

    @property
    def previous(self) -> Token:
        return self.tokens[self.position - 1]

    @property
    def following(self) -> Token:
        return self.tokens[min(self.position + 1, len(self.tokens) - 1)]

    @property
    def was_written(self) -> bool:
        """Whether the token is in the text, and was not reported by the lexer."""
        token = self.token
        if token.text[:1] == '"' or token.text[:1].isdigit():
            return self.source.text[token.start : token.end] == token.text
        return token.symbol == END or (token.symbol != STRAY and token.text != "")

    @property
    def wants_expression(self) -> bool:
        return "a string" in self.expected

    def span(self, token: Token) -> Span:
        return Span(self.source, token.start, token.end)


def look(
    source: Source, automaton: Automaton, recovery: Recovery, tokens: Sequence[Token], position: int
) -> Scene:
    """The scene of an error at a position, with the automaton as it stands there."""
    tables = automaton.tables
    texts = {symbol: text for text, symbol in (*tables.words.items(), *tables.signs.items())}
    before = recovery.before(position)
    expected = frozenset(
        texts.get(symbol) or CLASSES[name]
        for name, symbol in tables.terminals.items()
        if automaton.accepts(symbol, before)
    )
    group = recovery.group(position)
    base = automaton.states[: group.base]
    kinds = [kind for word, kind in KINDS.items() if automaton.accepts(tables.words[word], base)]
    begun = automaton.starts[group.base - 1 : group.base]
    element = position
    while begun and tokens[element].start > begun[0]:
        element -= 1
    return Scene(
        source,
        tokens,
        position,
        expected,
        kinds[0] if kinds else "",
        element if begun else None,
        group.opener if group.opener >= 0 else None,
        recovery.closing(group),
        recovery.is_new_line(position),
    )


def habit(
    scene: Scene, token: Token, message: str, help: str, fix: str | None = None
) -> Diagnostic:
    """Q016 at a token: what it is, how it is written here, and the text to put in its place."""
    span = scene.span(token)
    return error("Q016", message, span, help=help, fix=None if fix is None else Edit(span, fix))
