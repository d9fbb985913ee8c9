"""Finds the kind of every piece of a text, as an editor does with the TextMate grammar.

Rules see one line at a time; regions are a stack that one line hands to the next.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple, assert_never

from qdsl.highlight.contexts import CONTEXTS
from qdsl.highlight.patterns import Groups, Include, Match, Region
from qdsl.highlight.scopes import Scope

Piece = tuple[int, int, Scope]
"""Start, end and kind; nothing is said of white space."""


class _Rule(NamedTuple):
    """A compiled rule, and the region that it opens, if it opens one."""

    pattern: re.Pattern[str]
    scopes: Groups
    region: Region | None


def pieces(text: str) -> Iterator[Piece]:
    """The pieces of a text in their order; they do not overlap."""
    stack: list[Region] = []
    start = 0
    for line in re.split(r"(?<=\n)", text):
        for begin, end, scope in _line(line, stack):
            yield start + begin, start + end, scope
        start += len(line)


def _line(line: str, stack: list[Region]) -> Iterator[Piece]:
    """The pieces of one line, which changes the stack."""
    position = 0
    while True:
        if stack and (found := _compiled(stack[-1].end).match(line, position)):
            yield from _groups(found, stack.pop().end_scopes)
            position = found.end()
            continue
        if position >= len(line):
            return
        for rule in _rules(stack[-1].inside if stack else "file"):
            if found := rule.pattern.match(line, position):
                yield from _groups(found, rule.scopes)
                position = found.end()
                stack.extend([rule.region] if rule.region else [])
                break
        else:
            position += 1


def _groups(found: re.Match[str], scopes: Groups) -> Iterator[Piece]:
    """The pieces of a match; without groups the whole match is one."""
    first = 1 if found.re.groups else 0
    for group, scope in enumerate(scopes, first):
        start, end = found.span(group)
        if start < end:
            yield start, end, scope


@cache
def _rules(context: str) -> tuple[_Rule, ...]:
    """The rules of a context and of those it includes."""
    return tuple(_flat(context))


def _flat(context: str) -> Iterator[_Rule]:
    for rule in CONTEXTS[context]:
        match rule:
            case Include(other):
                yield from _rules(other)
            case Match(pattern, scopes):
                yield _Rule(_compiled(pattern), scopes, None)
            case Region(begin, scopes):
                yield _Rule(_compiled(begin), scopes, rule)
            case _:
                assert_never(rule)


_compiled = cache(re.compile)
