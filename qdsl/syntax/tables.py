"""Reads the parse tables that are shipped beside the grammar.

They are JSON, named by a hash of the grammar and of the lark version that made them. A grammar
without its tables is compiled in memory; `python -m qdsl.syntax.grammar` writes them.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

LARK = "1.3.1"
"""The lark release whose tables are shipped; any release that compiles the grammar may be used."""

END = 0
"""The symbol of the end of the text."""

ABSENT = -1
"""A pick that stands for an optional part that is absent; picks below it splice a list."""


@dataclass(frozen=True, slots=True)
class Tables:
    """A lexer and an LALR(1) automaton as plain values.

    Symbols are numbers, indices of `symbols`; the terminals among them are `terminals`. `pattern`
    matches one token; `words` and `signs` tell it apart by its text. The parse begins in state 0;
    `states[s][symbol]` is the state to go to, or for a reduction by rule r the number -1 - r. A
    rule is (origin, length, action, picks): the children at `picks` are handed to the action of
    that name. With no action (None), the one child stands for the rule; with the empty one, all are
    spliced into the parent.
    """

    symbols: tuple[str, ...]
    terminals: Mapping[str, int]
    pattern: str
    words: Mapping[str, int]
    reserved: frozenset[int]
    signs: Mapping[str, int]
    rules: tuple[tuple[int, int, str | None, tuple[int, ...]], ...]
    states: tuple[Mapping[int, int], ...]

    @property
    def name(self) -> int:
        """The symbol of names."""
        return self.terminals["NAME"]

    @property
    def soft(self) -> frozenset[int]:
        """The words that are names where the grammar does not expect them."""
        return frozenset(self.words.values()) - self.reserved


def load() -> Tables:
    """The tables of the grammar: those shipped with it, or compiled now where they do not fit."""
    folder = Path(__file__).parent.parent / "grammar"
    grammar = (folder / "qspec.lark").read_text(encoding="utf-8")
    try:
        return decode(json.loads((folder / name_for(grammar)).read_text(encoding="utf-8")))
    except FileNotFoundError:
        from qdsl.syntax.grammar import compile_grammar  # lark is costly to import

        return decode(compile_grammar(grammar))


def name_for(grammar: str) -> str:
    """File name of the tables of a grammar."""
    return f"qspec-{sha256((LARK + grammar).encode()).hexdigest()[:16]}.json"


def decode(data: Mapping[str, Any]) -> Tables:
    """The tables that a JSON value holds."""
    rows = [dict(zip(row[::2], row[1::2], strict=True)) for row in data["rows"]]
    symbols = tuple(data["symbols"])
    return Tables(
        symbols=symbols,
        terminals={name: i for i, name in enumerate(symbols[: data["terminals"]])},
        pattern=data["pattern"],
        words=data["words"],
        reserved=frozenset(data["reserved"]),
        signs=data["signs"],
        rules=tuple((o, n, a, tuple(p)) for o, n, a, p in data["rules"]),
        states=tuple(rows[i] for i in data["states"]),
    )
