"""Measures how deep a JSON text is nested, before a parser descends into it."""

import re

_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")


def nesting(text: str) -> int:
    """The most brackets that are open at once; what stands in strings does not count."""
    depth = deepest = 0
    for run in _BRACKETS.finditer(_STRINGS.sub("", text)):
        opens = run[0][0] in "[{"
        depth += len(run[0]) if opens else -len(run[0])
        deepest = max(deepest, depth)
    return deepest
