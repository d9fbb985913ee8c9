"""Writes the TextMate grammar that editors colour by: `python -m qdsl.highlight.textmate`."""

import json
import re
from pathlib import Path
from typing import Any, assert_never

from qdsl.highlight.contexts import CONTEXTS
from qdsl.highlight.patterns import Groups, Include, Match, Region, Rule
from qdsl.highlight.scopes import Scope

PLACE = Path("editors", "vscode", "syntaxes", "qspec.tmLanguage.json")
"""The file, in the folder of the grammar."""


def textmate() -> dict[str, Any]:
    """The grammar as a JSON value; its root is the context `file`."""
    return {
        "name": "qspec",
        "scopeName": "source.qspec",
        "fileTypes": ["qspec"],
        "patterns": [{"include": "#file"}],
        "repository": {
            name: {"patterns": [_pattern(rule) for rule in rules]}
            for name, rules in CONTEXTS.items()
        },
    }


def _pattern(rule: Rule) -> dict[str, Any]:
    match rule:
        case Include(context):
            return {"include": f"#{context}"}
        case Match(pattern, (scope,)) if not re.compile(pattern).groups:
            return {"name": _name(scope), "match": pattern}
        case Match(pattern, scopes):
            return {"match": pattern, "captures": _captures(pattern, scopes)}
        case Region(begin, begin_scopes, end, end_scopes, inside):
            return {
                "begin": begin,
                "beginCaptures": _captures(begin, begin_scopes),
                "end": end,
                "endCaptures": _captures(end, end_scopes),
                "patterns": [{"include": f"#{inside}"}],
            }
        case _:
            assert_never(rule)


def _captures(pattern: str, scopes: Groups) -> dict[str, Any]:
    """The names of the groups, or of the whole match (0) where it has no groups."""
    first = 1 if re.compile(pattern).groups else 0
    return {str(i): {"name": _name(scope)} for i, scope in enumerate(scopes, first)}


def _name(scope: Scope) -> str:
    return f"{scope}.qspec"


def written() -> str:
    """The text of the file."""
    return json.dumps(textmate(), indent=2) + "\n"


def main() -> None:
    """Writes the grammar into this checkout."""
    folder = Path(__file__).parent.parent / "grammar"
    (folder / PLACE).write_text(written(), encoding="utf-8")


if __name__ == "__main__":
    main()
