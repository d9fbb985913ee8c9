"""Reads the parse tables that are shipped beside the grammar.

They are JSON, named by a hash of the grammar and of the lark version that made them. A grammar
without its tables is compiled in memory; `python -m qdsl.syntax.tables` writes them.
"""

import json
import os
import zlib
from collections.abc import Mapping
from typing import Any

from qdsl.record import record

LARK = "1.3.1"
"""The lark release whose tables are shipped; any release that compiles the grammar may be used."""

END = 0
"""The symbol of the end of the text."""

ABSENT = -1
"""A pick that stands for an optional part that is absent; picks below it splice a list."""


@record
class Tables:
    """A lexer and an LALR(1) automaton as plain values.

    Symbols are numbers, indices of `symbols`; the terminals among them are `terminals`. `pattern`
    matches one token; `words` and `signs` tell it apart by its text; a word that is `soft`, and not
    `reserved`, is a `name` where the word does not fit. The parse begins in state 0;
    `states[s][symbol]` is the state to go to, or for a reduction by rule r the number -1 - r. A
    rule is (origin, length, action, picks): the children at `picks` are handed to the action of
    that name. With no action (None), the one child stands for the rule; with the empty one, all are
    spliced into the parent.
    """

    symbols: tuple[str, ...]
    terminals: Mapping[str, int]
    name: int
    pattern: str
    words: Mapping[str, int]
    reserved: frozenset[int]
    soft: frozenset[int]
    signs: Mapping[str, int]
    rules: tuple[tuple[int, int, str | None, tuple[int, ...]], ...]
    states: tuple[Mapping[int, int], ...]


def load() -> Tables:
    """The tables of the grammar: those shipped with it, or compiled now where they do not fit."""
    folder = os.path.join(os.path.dirname(os.path.dirname(__file__)), "grammar")
    with open(os.path.join(folder, "qspec.lark"), encoding="utf-8") as file:
        grammar = file.read()
    try:
        with open(os.path.join(folder, name_for(grammar)), encoding="utf-8") as file:
            return decode(json.load(file))
    except FileNotFoundError:
        from qdsl.syntax.tables import compile_grammar  # lark is costly to import

        return decode(compile_grammar(grammar))


def name_for(grammar: str) -> str:
    """File name of the tables of a grammar."""
    return f"qspec-{zlib.crc32((LARK + grammar).encode()):08x}.json"


def decode(data: Mapping[str, Any]) -> Tables:
    """The tables that a JSON value holds."""
    rows = [dict(zip(row[::2], row[1::2], strict=True)) for row in data["rows"]]
    symbols = tuple(data["symbols"])
    terminals = {name: i for i, name in enumerate(symbols[: data["terminals"]])}
    reserved = frozenset(data["reserved"])
    return Tables(
        symbols=symbols,
        terminals=terminals,
        name=terminals["NAME"],
        pattern=data["pattern"],
        words=data["words"],
        reserved=reserved,
        soft=frozenset(data["words"].values()) - reserved,
        signs=data["signs"],
        rules=tuple((o, n, a, tuple(p)) for o, n, a, p in data["rules"]),
        states=tuple(rows[i] for i in data["states"]),
    )
