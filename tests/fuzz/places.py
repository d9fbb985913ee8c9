"""Tells the place of a comment by tokens and elements, which formatting leaves as they are."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass

from qdsl.source import Source, Span
from qdsl.syntax import tree
from qdsl.syntax.grammar import END, load
from qdsl.syntax.lexer import lex

TABLES = load()
BRACKETS = frozenset("()[]{}")
UNSTEADY = frozenset("(),;")
"""Signs that the layout may put in or leave out: redundant parentheses, the ends of elements."""

LISTS = frozenset(
    "items members body rules properties limits settings steps traits statements names parameters "
    "inputs arguments indices elements dims".split()
)
"""The lists of the tree between whose elements a comment may stand."""

Range = tuple[int, int]  # offsets, half-open


@dataclass(frozen=True, slots=True)
class Region:
    """The inside of the brackets of a list, with the places of its elements."""

    owner: Range
    inside: Range
    elements: Sequence[Range]


class Places:
    """The tokens and lists of a file."""

    def __init__(self, file: tree.File) -> None:
        tokens = [t for t in lex(file.source, TABLES, 1).tokens if t.symbol != END]
        self.brackets = [t.start for t in tokens if t.text in BRACKETS]
        steady = [t for t in tokens if t.text not in UNSTEADY]
        self.tokens = [value for t in steady for value in _values(t.text)]
        self.starts = [t.start for t in steady for _ in _values(t.text)]
        edition = (self.starts[0], self.starts[1] + 1)
        items = (edition, *((i.span.start, i.span.end) for i in file.items))
        whole = (0, len(file.source.text))
        self.regions = [Region(whole, whole, items)]
        self.regions += (self._region(*found) for item in file.items for found in _lists(item))

    def _region(self, owner: Range, elements: Sequence[Range]) -> Region:
        after = bisect_left(self.brackets, elements[0][0])
        before = bisect_left(self.brackets, elements[-1][1])
        return Region(owner, (self.brackets[after - 1] + 1, self.brackets[before]), elements)

    def count(self, offset: int) -> int:
        """The number of tokens before an offset."""
        return bisect_left(self.starts, offset)

    def reach(self, offset: int) -> Range:
        """The first and last number of tokens that may stand before a comment in its new place.

        Between two elements of a list it stays there. Inside of an element, and of no list in it,
        it may move above the element, or down to what comes next in it.
        """
        around = [r for r in self.regions if r.inside[0] <= offset <= r.inside[1]]
        region = max(around, key=lambda r: r.inside[0])
        start, end = region.inside
        for element in region.elements:
            if element[0] < offset < element[1]:
                return self._within(element, offset)
            if element[1] <= offset:
                start = element[1]
            else:
                end = min(end, element[0])
        return self.count(start), self.count(end)

    def _within(self, element: Range, offset: int) -> Range:
        own = (r for r in self.regions if r.owner == element and offset <= r.inside[0])
        below = [r.elements[0][0] for r in own]
        return self.count(element[0]), self.count(min(below, default=element[1]))


def _values(text: str) -> list[str]:
    """A token as it is compared: digits without underscores, and the dots of a path one by one."""
    if text == "..":
        return [".", "."]
    return [text.replace("_", "") if text[0].isdigit() else text]


def _lists(node: object) -> Iterator[tuple[Range, Sequence[Range]]]:
    """The place of each node at or below a node that has a list, and those of its elements."""
    assert is_dataclass(node)
    for name in (f.name for f in fields(node)):
        value = getattr(node, name)
        parts = [p for p in _parts(value) if is_dataclass(p) and not isinstance(p, Source)]
        if parts and isinstance(value, tuple) and name in LISTS:
            yield _range(node), [_range(part) for part in parts]
        for part in parts:
            if not isinstance(part, tree.Selector):  # one line, whatever it holds
                yield from _lists(part)


def _range(node: object) -> Range:
    span: Span = node.span  # type: ignore[attr-defined]
    return span.start, span.end


def _parts(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)
