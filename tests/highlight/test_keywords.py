"""Holds the colours to the parser: a word is coloured as a keyword where the parser takes it so."""

from collections.abc import Iterator

import pytest

from qdsl.highlight import contexts, expressions, words
from qdsl.highlight.scopes import KEYWORDS
from qdsl.highlight.walk import pieces
from qdsl.source import Source
from qdsl.syntax.automaton import Automaton
from qdsl.syntax.build.context import Context
from qdsl.syntax.build.expressions import LEAVES
from qdsl.syntax.build.items import NODES
from qdsl.syntax.grammar import END, Tables, load
from qdsl.syntax.lexer import Token, lex

TABLES = load()
WORDS = frozenset(TABLES.words) | words.before_numbers()


def taken(text: str, tables: Tables) -> Iterator[tuple[Token, bool]]:
    """Each word of a text, and whether the parser takes it as a keyword."""
    automaton = Automaton(tables, Context({}, []), LEAVES, NODES, nesting=frozenset(), limit=100)
    states, symbols = [0], {*tables.words.values(), tables.terminals["SPARSE"]}
    tokens = [t for t in lex(Source("text", text), tables, 1).tokens if t.symbol != END]
    for token in tokens:
        keyword = token.symbol in symbols and automaton.accepts(token.symbol, states)
        assert automaton.step(states, token), f"the text has an error at {token}"
        if token.text.isidentifier():
            yield token, keyword


def keywords_of_parser(text: str) -> set[tuple[int, str]]:
    """Where keywords stand. A setting of a policy or budget is a name, though the word is taken."""
    return {
        (token.start, token.text)
        for token, keyword in taken(text, TABLES)
        if keyword and not (token.text in contexts.SETTINGS and _is_assigned(text, token.end))
    }


def keywords_of_colours(text: str) -> set[tuple[int, str]]:
    found = ((start, text[start:end]) for start, end, scope in pieces(text) if scope in KEYWORDS)
    return {(start, word) for start, word in found if word.isidentifier()}


def _is_assigned(text: str, position: int) -> bool:
    return text[position:].lstrip().startswith("=")


def test_keywords_are_those_of_the_parser(text: str) -> None:
    assert keywords_of_colours(text) == keywords_of_parser(text)


def test_every_keyword_of_the_grammar_is_coloured(everything: str) -> None:
    """A new keyword fails here until `everything.qspec` shows it and it has a colour there."""
    assert WORDS - {word for _, word in keywords_of_colours(everything)} == set()


def test_keywords_are_names_elsewhere(everything: str) -> None:
    """The text has names that are keywords in other places, so that the colours must tell them."""
    names = {token.text for token, keyword in taken(everything, TABLES) if not keyword}
    assert names >= {"model", "policy", "entry", "forward", "stage", "where", "format"}


def test_the_grammar_is_read_as_the_parser_reads_it() -> None:
    assert words.keywords() == WORDS
    reserved = {word for word, symbol in TABLES.words.items() if symbol in TABLES.reserved}
    assert words.reserved() == reserved


def test_every_keyword_has_its_place() -> None:
    places = (
        *(contexts.BEGINNINGS, contexts.CLAUSES, contexts.UNITS, words.before_numbers()),
        *(expressions.CONSTANTS, expressions.LOGIC, expressions.CONTROL),
    )
    assert frozenset().union(*places) == words.keywords()
    assert contexts.BODIES.keys() <= contexts.BRACED
    assert contexts.BRACED >= {"block", "policy"}


@pytest.mark.parametrize(
    "text",
    [
        "block A() where if a { b } else { c }, d {\n    tie e = f\n}",
        "policy p { optional default { weights = f32 } }",
        "const a = policy\npolicy b { }",
        "block A {\n    a = forward(b)\n    forward(b: f32[B]) { return b }\n}",
        "block A {\n    a = fn const b = tie tie b.parameter = entry\n}",
        "budget b { size(over.x) <= 3 x over over x(*) > 1_0 B B(*) < 1 }",
        "recipe stage { x = stage(stage) stage stage { stage = 1 } }",
        "variant extends extends extends { model.budget = extends budget = policy }",
    ],
)
def test_words_that_are_both(text: str) -> None:
    text = f"qspec 1\n{text}\n"
    assert keywords_of_colours(text) == keywords_of_parser(text)
