"""Parses JSON that nobody vouches for: bounded in depth, and no name twice in an object."""

import json
import re
from collections.abc import Iterable

from qdsl.artifact.codec import Json, Malformed

DEEPEST_JSON = 200
_STRINGS = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")


def parse(text: str) -> Json:
    """The value of a JSON text; raises Malformed."""
    if nesting(text) > DEEPEST_JSON:
        raise Malformed(f"nested deeper than {DEEPEST_JSON}")
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as failure:
        raise Malformed(f"no JSON from character {failure.pos} on") from None
    except (ValueError, RecursionError):
        # an integer of thousands of digits
        raise Malformed("no JSON that can be read") from None


def nesting(text: str) -> int:
    """The most brackets that are open at once; what stands in strings does not count."""
    depth = deepest = 0
    for run in _BRACKETS.finditer(_STRINGS.sub("", text)):
        opens = run[0][0] in "[{"
        depth += len(run[0]) if opens else -len(run[0])
        deepest = max(deepest, depth)
    return deepest


def _unique(pairs: Iterable[tuple[str, Json]]) -> dict[str, Json]:
    result: dict[str, Json] = {}
    for name, value in pairs:
        if name in result:
            raise Malformed(f"`{name[:40]}` stands twice in one object")
        result[name] = value
    return result
