"""Compiles the grammar with lark into the tables of a lexer and an LALR(1) automaton.

`python -m qdsl.syntax.tables` writes them into the checkout.
"""

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from lark import Lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from qdsl.syntax.grammar import ABSENT, LARK, name_for


def compile_grammar(grammar: str) -> dict[str, Any]:
    """The tables of a grammar as a JSON value, made by lark.

    Raises lark's GrammarError where the grammar is not LALR(1). Lark settles a conflict between
    shift and reduce by shifting; `tests/syntax/test_tables.py` holds the list of those there are.
    """
    lark = Lark(grammar, start="file", parser="lalr", lexer="basic", maybe_placeholders=True)
    rules = lark.parser.parser_conf.rules
    symbols = ["$END", *(t.name for t in lark.terminals)]
    symbols += sorted({rule.origin.name for rule in rules})
    ids = {name: i for i, name in enumerate(symbols)}
    numbers = {rule: i for i, rule in enumerate(rules)}
    table = lark.parser.parser._parse_table
    order = [table.start_states["file"]]  # lark's own numbers change from run to run
    for state in order:
        actions = sorted(table.states[state].items(), key=lambda item: ids[item[0]])
        targets = [target for _, (action, target) in actions if action.name == "Shift"]
        order += [t for t in dict.fromkeys(targets) if t not in order]
    place = {state: i for i, state in enumerate(order)}
    rows: dict[tuple[int, ...], int] = {}
    states = []
    for state in order:
        row: list[int] = []
        for symbol, (action, target) in sorted(table.states[state].items()):
            reduce = action.name == "Reduce"
            row += [ids[symbol], -1 - numbers[target] if reduce else place[target]]
        states.append(rows.setdefault(tuple(row), len(rows)))
    return {
        "lark": LARK,
        "symbols": symbols,
        "terminals": 1 + len(lark.terminals),
        **_lexicon(lark.terminals, set(lark.ignore_tokens), ids),
        "rules": [[ids[r.origin.name], len(r.expansion), _action(r), _picks(r)] for r in rules],
        "rows": [list(row) for row in rows],
        "states": states,
    }


def _lexicon(
    terminals: Collection[TerminalDef], ignored: set[str], ids: Mapping[str, int]
) -> dict[str, Any]:
    """One pattern for all tokens; words are told from names, and signs apart, by their text."""
    fixed = {t.pattern.value: t for t in terminals if t.pattern.type == "str"}
    words = {text: t for text, t in fixed.items() if text.isidentifier()}
    signs = sorted(fixed.keys() - words.keys(), key=lambda text: (-len(text), text))
    shapes = [t for t in terminals if t.pattern.type == "re"]
    shapes.sort(key=lambda t: (t.name == "NAME", t.name not in ignored, t.name))
    groups = [f"(?P<{t.name}>{t.pattern.to_regexp()})" for t in shapes]
    groups.append(f"(?P<SIGN>{'|'.join(re.escape(s) for s in signs)})")
    return {
        "pattern": "|".join(groups),
        "words": {text: ids[t.name] for text, t in sorted(words.items())},
        "reserved": sorted(ids[t.name] for t in words.values() if t.priority > 0),
        "signs": {text: ids[fixed[text].name] for text in signs},
    }


def _action(rule: Rule) -> str | None:
    """The name of what builds the rule's node; see Tables."""
    if rule.alias:
        return str(rule.alias)
    origin = str(rule.origin.name)
    single = rule.options.expand1 and len(_picks(rule)) == 1
    if origin.startswith("_"):
        return ""
    return None if single else origin


def _picks(rule: Rule) -> list[int]:
    """Which children a rule keeps: all but the signs and words that only separate."""
    absent = "".join(str(int(b)) for b in rule.options.empty_indices or [])
    gaps = [len(run) for run in absent.split("0")] if absent else [0] * (len(rule.expansion) + 1)
    picks = []
    for i, symbol in enumerate(rule.expansion):
        picks += [ABSENT] * gaps[i]
        if not symbol.is_term and symbol.name.startswith("_"):
            picks.append(ABSENT - 1 - i)
        elif rule.options.keep_all_tokens or not getattr(symbol, "filter_out", False):
            picks.append(i)
    return picks + [ABSENT] * gaps[-1]


def main() -> None:
    """Writes the tables of the grammar in this checkout, in place of any others."""
    folder = Path(__file__).parent.parent / "grammar"
    grammar = (folder / "qspec.lark").read_text(encoding="utf-8")
    text = json.dumps(compile_grammar(grammar), separators=(",", ":"))
    for old in folder.glob("qspec-*.json"):
        old.unlink()
    (folder / name_for(grammar)).write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
