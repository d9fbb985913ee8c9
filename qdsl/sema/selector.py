"""Matches selectors against the paths of a module tree, all selectors in one walk."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from qdsl.ir.model import Module, Parameter, join
from qdsl.syntax import tree

States = frozenset[int]  # positions in a selector's segments that a path has reached


@dataclass(frozen=True, slots=True)
class Match:
    """What a selector hit: a module, or one parameter of it."""

    path: str
    module: Module
    parameter: Parameter | None = None


@dataclass(frozen=True, slots=True)
class _Step:
    """One segment of a path: an element of a `repeat` has its index and their number."""

    name: str
    index: int | None = None
    count: int = 0


def match_all(selectors: Sequence[tree.Selector], root: Module) -> list[list[Match]]:
    """For each selector what it matches, in the order of the tree."""
    found: list[list[Match]] = [[] for _ in selectors]
    start = {i: _close(s, frozenset((0,))) for i, s in enumerate(selectors)}
    for path, module, states in _walk(root, "", start, selectors):
        for i, reached in states.items():
            if len(selectors[i].segments) in reached and _is_kind(selectors[i], module):
                found[i].append(Match(path, module))
        for parameter in module.parameters:
            inner = _advance_all(states, _Step(parameter.name), selectors)
            for i, reached in inner.items():
                if selectors[i].kind is None and len(selectors[i].segments) in reached:
                    found[i].append(Match(path, module, parameter))
    return found


def _walk(
    module: Module, path: str, states: dict[int, States], selectors: Sequence[tree.Selector]
) -> Iterator[tuple[str, Module, dict[int, States]]]:
    if not states:
        return
    yield path, module, states
    for name, member in module.members.items():
        if isinstance(member, Module):
            inner = _advance_all(states, _Step(name), selectors)
            yield from _walk(member, join(path, name), inner, selectors)
            continue
        for i, element in enumerate(member):
            inner = _advance_all(states, _Step(name, i, len(member)), selectors)
            yield from _walk(element, f"{join(path, name)}[{i}]", inner, selectors)


def _advance_all(
    states: dict[int, States], step: _Step, selectors: Sequence[tree.Selector]
) -> dict[int, States]:
    advanced = {i: _advance(selectors[i], s, step) for i, s in states.items()}
    return {i: s for i, s in advanced.items() if s}


def _advance(selector: tree.Selector, states: States, step: _Step) -> States:
    reached: set[int] = set()
    for position in states:
        if position == len(selector.segments):
            continue
        segment = selector.segments[position]
        if segment.globs == ("**",):
            reached.add(position)
        elif _fits(segment, step):
            reached.add(position + 1)
    return _close(selector, frozenset(reached)) if reached else frozenset()


def _close(selector: tree.Selector, states: States) -> States:
    """`**` also stands for no segment."""
    closed = set(states)
    for position in sorted(states):
        while position < len(selector.segments) and selector.segments[position].globs == ("**",):
            position += 1
            closed.add(position)
    return frozenset(closed)


def _fits(segment: tree.Segment, step: _Step) -> bool:
    if not any(_glob(g).fullmatch(step.name) for g in segment.globs):
        return False
    if step.index is None:
        return segment.indices is None
    if segment.indices is None:
        return segment.globs == ("*",)
    return not segment.indices or any(_covers(r, step) for r in segment.indices)


def _covers(indices: tree.IndexRange, step: _Step) -> bool:
    first = 0 if indices.start is None else indices.start
    last = step.count if indices.stop is None else indices.stop
    if first < 0:
        first += step.count
    if indices.single:
        return step.index == first
    if last < 0:
        last += step.count
    return first <= (step.index or 0) < last


def _is_kind(selector: tree.Selector, module: Module) -> bool:
    return selector.kind is None or selector.kind.text == module.kind


@cache
def _glob(text: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in text.split("*")))
