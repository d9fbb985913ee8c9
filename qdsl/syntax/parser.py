"""Parses the text of a .qspec file into a tree, with all its syntax errors."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from qdsl.diagnostic.model import Diagnostic, Edit, error
from qdsl.source import Source, Span
from qdsl.syntax import tree
from qdsl.syntax.automaton import Automaton, NestingError
from qdsl.syntax.brackets import deepest
from qdsl.syntax.build.context import Context
from qdsl.syntax.build.expressions import LEAVES, NESTING
from qdsl.syntax.build.items import NODES
from qdsl.syntax.grammar import END, Tables, load
from qdsl.syntax.lexer import Lexed, Token, lex
from qdsl.syntax.reading import SIZE_LIMIT, oversized

EDITION = 1
NESTING_LIMIT = 100
DIAGNOSTICS_LIMIT = 100
MISTAKES = DIAGNOSTICS_LIMIT + 1  # of the lexer: enough to say that there are too many

FOREIGN = re.compile(r"//|/\*|:[ \t]*(#.*)?\r?$", re.MULTILINE)
"""What may be a comment or a body of another language, where there are errors."""


def parse(source: Source) -> tuple[tree.File, tuple[Diagnostic, ...]]:
    """The tree of a text, and what is wrong with it in the order of the text.

    After errors the file holds the items that could be read, without the parts that could not.
    """
    if len(source.text) > SIZE_LIMIT:
        return tree.File(EDITION, (), (), source), (oversized(source.name),)
    tables = _tables()
    plain = lex(source, tables, MISTAKES)
    file, diagnostics = _parse(source, tables, plain)
    if diagnostics and FOREIGN.search(source.text):
        from qdsl.syntax.indentation import braced  # only a file with errors pays for it

        lexed = lex(source, tables, MISTAKES, foreign=True)
        tokens, colons = braced(source, lexed.tokens, tables)
        if (tokens := [*tokens]) != plain.tokens:
            lexed = replace(lexed, tokens=tokens, diagnostics=[*lexed.diagnostics, *colons])
            file, diagnostics = _parse(source, tables, lexed)
    return file, _in_order(diagnostics)


def _parse(source: Source, tables: Tables, lexed: Lexed) -> tuple[tree.File, Sequence[Diagnostic]]:
    tokens, diagnostics = lexed.tokens, lexed.diagnostics
    empty = tree.File(EDITION, (), tuple(lexed.comments), source)
    if unknown := _unknown_edition(source, tokens, tables):
        return empty, [unknown]
    if not _begins(tokens, tables):
        diagnostics.append(_missing_edition(source, tokens[0]))
        tokens = [*_written_edition(tables), *_without_edition(source, tokens)]
    balanced = deepest(tokens, tables, NESTING_LIMIT)
    if isinstance(balanced, Token):
        diagnostics.append(_too_deep(Span(source, balanced.start, balanced.end)))
        return empty, diagnostics
    if not balanced:
        from qdsl.syntax.mending import balance  # only a file with errors pays for it

        tokens, unbalanced = balance(source, tokens, tables)
        diagnostics += unbalanced
    items = _items(source, tokens, tables, Context(lexed.docs, diagnostics))
    return replace(empty, items=items), diagnostics


def _items(
    source: Source, tokens: Sequence[Token], tables: Tables, context: Context
) -> tuple[tree.Item, ...]:
    automaton = Automaton(tables, context, LEAVES, NODES, nesting=NESTING, limit=NESTING_LIMIT)
    try:
        position = automaton.run(source, tokens, 0)
        if position < len(tokens):
            position = _recover(source, automaton, tokens, position, context.diagnostics)
    except NestingError as error:
        context.diagnostics.append(_too_deep(error.span))
        return ()
    if position < len(tokens):
        return ()
    items: tuple[tree.Item, ...] = automaton.values[0]
    return items


def _recover(
    source: Source,
    automaton: Automaton,
    tokens: Sequence[Token],
    position: int,
    diagnostics: list[Diagnostic],
) -> int:
    """Reports the error at a position and all after it; returns where the parse ended."""
    # only a file with errors pays for their descriptions
    from qdsl.syntax.mistakes.scene import look
    from qdsl.syntax.recovery import Recovery
    from qdsl.syntax.repair import repair

    tokens = list(tokens)
    recovery = Recovery(source, automaton, tokens)
    while position < len(tokens) and len(diagnostics) <= DIAGNOSTICS_LIMIT:
        first = recovery.dangling(position)
        recovery.settle()
        scene = look(source, automaton, recovery, tokens, position)
        repaired = repair(recovery, scene, first, diagnostics)
        if repaired is None:
            repaired = recovery.resume(position if first is None else first)
        position = automaton.run(source, tokens, repaired)
    return position


def _begins(tokens: Sequence[Token], tables: Tables) -> bool:
    symbols = [token.symbol for token in tokens[:2]]
    return symbols == [tables.words["qspec"], tables.terminals["INTEGER"]]


def _written_edition(tables: Tables) -> list[Token]:
    word, number = tables.words["qspec"], tables.terminals["INTEGER"]
    return [Token(word, "qspec", 0, 0), Token(number, str(EDITION), 0, 0)]


def _without_edition(source: Source, tokens: Sequence[Token]) -> Sequence[Token]:
    """The tokens behind the line of an edition that cannot be read."""
    if tokens[0].text != "qspec":
        return tokens
    end = source.text.find("\n", tokens[0].end)
    return [token for token in tokens if token.start > end >= 0 or token.symbol == END]


def _unknown_edition(source: Source, tokens: Sequence[Token], tables: Tables) -> Diagnostic | None:
    if not _begins(tokens, tables) or tokens[1].text == str(EDITION):
        return None
    number = tokens[1]
    return error(
        "Q005",
        f"unknown edition `{number.text}`",
        Span(source, number.start, number.end),
        help=f"this release reads edition {EDITION}: `qspec {EDITION}`",
    )


def _missing_edition(source: Source, first: Token) -> Diagnostic:
    written = f"qspec {EDITION}"
    return error(
        "Q004",
        "no edition",
        Span(source, first.start, first.end),
        f"`{written}` is missing before this",
        help=f"begin the file with `{written}`: only comments may stand before it",
        fix=Edit(Span(source, 0, 0), f"{written}\n\n"),
    )


def _too_deep(span: Span) -> Diagnostic:
    return error(
        "Q017",
        f"nested more than {NESTING_LIMIT} deep",
        span,
        help="name a part of it, and use the name",
    )


def _in_order(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Sorted by place, and no more than anyone would read."""
    ordered = sorted(diagnostics, key=lambda d: d.primary.span.start if d.primary else 0)
    if len(ordered) <= DIAGNOSTICS_LIMIT:
        return tuple(ordered)
    last = ordered[DIAGNOSTICS_LIMIT - 1]
    more = error("Q020", "too many errors", last.primary.span if last.primary else None)
    return (*ordered[:DIAGNOSTICS_LIMIT], more)


@cache
def _tables() -> Tables:
    return load()
