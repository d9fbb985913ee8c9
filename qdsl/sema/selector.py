"""Matches selectors against the paths of a module tree, all selectors in one walk.

Equal modules are one value: what matches below one is found once for each state in which the
selectors reach it, and prefixed with the path of each place where it stands.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from qdsl.ir.model import Module, Parameter, join
from qdsl.record import record
from qdsl.sema.sites import Site, Sites
from qdsl.syntax import tree

# positions that the path so far has reached in each selector which may still match
States = tuple[tuple[int, frozenset[int]], ...]
Hit = tuple[int, str, Module, Parameter | Site | None]  # selector, path, what stands there

ANY = ("**",)
_NO_SITES: Sites = {}


@record
class Match:
    """What a selector hit: the module at `path`, one parameter of it, or a value it binds."""

    path: str
    module: Module
    parameter: Parameter | None = None
    site: Site | None = None


def match_all(
    selectors: Sequence[tree.Selector],
    root: Module,
    count: Callable[[int], None] = lambda matches: None,
    sites: Sites = _NO_SITES,
) -> list[list[Match]]:
    """For each selector what it matches, in the order of the tree; `sites` are values to match.

    `count` is told how many matches were made since it was told last, and may raise.
    """
    matcher = _Matcher(selectors, count, sites)
    start = tuple((i, _close(s, {0})) for i, s in enumerate(selectors))
    found: list[list[Match]] = [[] for _ in selectors]
    for i, path, module, part in matcher.below(root, start):
        match part:
            case Site():
                found[i].append(Match(path, module, site=part))
            case _:
                found[i].append(Match(path, module, part))
    return found


def glob_fits(glob: str, name: str) -> bool:
    """Whether a name is one that the glob stands for; `*` is any run of characters."""
    first, *rest = glob.split("*")
    if not rest:
        return glob == name
    *middle, last = rest
    start, end = len(first), len(name) - len(last)
    if start > end or not (name.startswith(first) and name.endswith(last)):
        return False
    for part in middle:
        found = name.find(part, start, end)
        if found < 0:
            return False
        start = found + len(part)
    return True


def index_fits(segment: tree.Segment, index: int, count: int) -> bool:
    """Whether the segment's brackets take that element of so many; none or `[*]` take all."""
    if not segment.indices:
        return True
    return any(first <= index < last for first, last in _ranges(segment.indices, count))


@dataclass(eq=False)
class _Matcher:
    selectors: Sequence[tree.Selector]
    count: Callable[[int], None]
    sites: Sites
    found: dict[tuple[int, States], list[Hit]] = field(default_factory=dict)
    advanced: dict[tuple[States, str], States] = field(default_factory=dict)

    def below(self, module: Module, states: States) -> list[Hit]:
        """What matches at and below a module, with paths from there."""
        key = (id(module), states)
        if key not in self.found:
            self.found[key] = list(self._hits(module, states)) if states else []
            self.count(len(self.found[key]))
        return self.found[key]

    def _hits(self, module: Module, states: States) -> Iterator[Hit]:
        for i in self._done(states):
            kind = self.selectors[i].kind
            if kind is None or kind.text == module.kind:
                yield i, "", module, None
        for parameter in module.parameters:
            for i in self._done(self._advance(states, parameter.name)):
                if self.selectors[i].kind is None:
                    yield i, "", module, parameter
        yield from self._values(module, states)
        for name, member in module.members.items():
            if isinstance(member, Module):
                yield from _below(name, self.below(member, self._advance(states, name)))
            else:
                yield from self._elements(name, member, states)

    def _values(self, module: Module, states: States) -> Iterator[Hit]:
        for site in self.sites.get(id(module), ()):
            # `instance.name` is the value in every function that binds it
            inside = self._advance(self._advance(states, site.function), site.name)
            either = {*self._done(inside), *self._done(self._advance(states, site.name))}
            for i in sorted(either):
                if self.selectors[i].kind is None:
                    yield i, "", module, site

    def _elements(self, name: str, elements: tuple[Module, ...], states: States) -> Iterator[Hit]:
        """Elements between two borders of the selectors' brackets are all reached alike."""
        borders = self._borders(states, len(elements))
        reached: dict[int, States] = {}
        for i, element in enumerate(elements):
            interval = bisect_right(borders, i)
            if interval not in reached:
                reached[interval] = self._advance(states, name, i, len(elements))
            hits = self.below(element, reached[interval])
            self.count(len(hits))
            yield from _below(f"{name}[{i}]", hits)

    def _borders(self, states: States, count: int) -> list[int]:
        borders: set[int] = set()
        for i, positions in states:
            segments = self.selectors[i].segments
            for position in positions:
                if position < len(segments):
                    for ends in _ranges(segments[position].indices or (), count):
                        borders.update(ends)
        return sorted(borders)

    def _done(self, states: States) -> Iterator[int]:
        """Selectors whose last segment has been reached."""
        return (i for i, reached in states if len(self.selectors[i].segments) in reached)

    def _advance(
        self, states: States, name: str, index: int | None = None, count: int = 0
    ) -> States:
        """The states after one more segment of a path; an element of a `repeat` has an index."""
        if index is not None:
            return self._advanced(states, name, index, count)
        key = (states, name)  # names are few, modules many
        if (after := self.advanced.get(key)) is None:
            after = self.advanced[key] = self._advanced(states, name, None, 0)
        return after

    def _advanced(self, states: States, name: str, index: int | None, count: int) -> States:
        advanced: list[tuple[int, frozenset[int]]] = []
        for i, positions in states:
            selector = self.selectors[i]
            reached: set[int] = set()
            for position in positions:
                if position == len(selector.segments):
                    continue
                segment = selector.segments[position]
                if segment.globs == ANY:
                    reached.add(position)
                elif _fits(segment, name, index, count):
                    reached.add(position + 1)
            if reached:
                advanced.append((i, _close(selector, reached)))
        return tuple(advanced)


def _below(name: str, hits: Iterable[Hit]) -> Iterator[Hit]:
    return ((i, join(name, path), module, part) for i, path, module, part in hits)


def _close(selector: tree.Selector, states: Iterable[int]) -> frozenset[int]:
    """`**` also stands for no segment."""
    closed = set(states)
    for position in sorted(closed):
        while position < len(selector.segments) and selector.segments[position].globs == ANY:
            position += 1
            closed.add(position)
    return frozenset(closed)


def _fits(segment: tree.Segment, name: str, index: int | None, count: int) -> bool:
    if not any(glob_fits(g, name) for g in segment.globs):
        return False
    if index is None:
        return segment.indices is None
    if segment.indices is None:
        return segment.globs == ("*",)
    return index_fits(segment, index, count)


def _ranges(indices: Iterable[tree.IndexRange], count: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges from 0, negative ends counted from the end."""
    for range in indices:
        first = _from_end(range.start or 0, count)
        if range.single:
            yield first, first + 1
        else:
            yield first, count if range.stop is None else _from_end(range.stop, count)


def _from_end(index: int, count: int) -> int:
    return index + count if index < 0 else index
