"""Pairs the brackets of a text: whether they balance, how deep they go, which belong together."""

from collections.abc import Mapping, Sequence

from qdsl.syntax.grammar import Tables
from qdsl.syntax.lexer import Token

SIGNS: Mapping[str, str] = {"(": ")", "[": "]", "{": "}"}


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
