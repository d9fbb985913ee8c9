"""Keeps what was made of a file, for the next compilation of nearly the same file."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from qdsl.diagnostic.model import Diagnostic
from qdsl.ir.model import Entry
from qdsl.ir.shape import Dim
from qdsl.sema.elaborate import Elaborated
from qdsl.sema.files import Parse
from qdsl.sema.scope import FileScope
from qdsl.sema.shadowing import Shadows
from qdsl.sema.values import BlockValue, Unit
from qdsl.source import Source, Span
from qdsl.syntax import parse, tree

if TYPE_CHECKING:
    from qdsl.sema.compile import Variant

WORD = re.compile(r"[A-Za-z_]\w*")


@dataclass(eq=False)
class Memory:
    """What one compilation made, by the items it was made of.

    An item rests on those that its text names, and on what these rest on. What was made of it may
    be used again while all of them are the same nodes, and nothing was wrong in their text: so
    that `parse` has to return the same nodes for text that did not change, and every finding is
    found again. bodies and formulas are those of `Elaborator`, units those of `Units`. kept: there
    will be a next compilation.
    """

    parse: Parse = parse
    kept: bool = True
    units: dict[object, Unit | None] = field(default_factory=dict)
    bodies: dict[object, Elaborated | None] = field(default_factory=dict)
    formulas: dict[object, Dim | None] = field(default_factory=dict)
    entries: dict[Unit, tuple[Entry, ...]] = field(default_factory=dict)
    ties: dict[Unit, dict[str, str]] = field(default_factory=dict)
    variants: dict[int, tuple["Variant", Shadows]] = field(default_factory=dict)
    _named: Mapping[int, tuple[int, ...]] = field(default_factory=dict)
    _items: tuple[tree.Item, ...] = ()  # held, so that none is born with the id of another
    _wrong: frozenset[int] = frozenset()
    _words: dict[int, frozenset[str]] = field(default_factory=dict)

    def begin(self, scopes: Iterable[FileScope]) -> None:
        """Forgets what rests on an item that changed, or that was wrong."""
        if not self.kept:
            return
        scopes = tuple(scopes)
        items = tuple(item for scope in scopes for item in scope.file.items)
        words = {id(i): self._words.get(id(i)) or _words_of(i.span) for i in items}
        named = _named(scopes, words)
        changed = {i for i, names in named.items() if self._named.get(i) != names}
        unsound = _resting_on(changed | self._wrong, named)
        self._keep(named.keys() - unsound)
        self._named, self._items, self._words, self._wrong = named, items, words, frozenset(named)

    def end(self, findings: Iterable[Diagnostic]) -> None:
        """Notes which items had findings; without this call, all are taken to have had some."""
        if not self.kept:
            return
        places: dict[Source, list[int]] = {}
        for finding in findings:
            for label in (finding.primary, *finding.secondary):
                if label:
                    places.setdefault(label.span.source, []).append(label.span.start)
        for offsets in places.values():
            offsets.sort()
        self._wrong = frozenset(
            id(item) for item in self._items if _holds(item.span, places.get(item.span.source, ()))
        )

    def _keep(self, sound: Set[int]) -> None:
        self.units = {k: u for k, u in self.units.items() if u and u.whole and _sound(k, sound)}
        kept = set(self.units.values())
        self.bodies = {k: b for k, b in self.bodies.items() if b and _of(k) in kept}
        self.formulas = {k: f for k, f in self.formulas.items() if f and _of(k) in kept}
        self.entries = {u: e for u, e in self.entries.items() if u in kept}
        self.ties = {u: t for u, t in self.ties.items() if u in kept}
        self.variants = {i: v for i, v in self.variants.items() if i in sound}


def _holds(span: Span, offsets: Sequence[int]) -> bool:
    """Whether the first of the sorted offsets that is not before the span is in it."""
    place = bisect_left(offsets, span.start)
    return place < len(offsets) and offsets[place] <= span.end


def _of(key: object) -> object:
    """The unit of a body or of a formula, first in its key."""
    assert isinstance(key, tuple)
    return key[0]


def _sound(key: object, sound: Set[int]) -> bool:
    """Whether every block in the key of a unit is: its own, and those among its arguments."""
    match key:
        case BlockValue(definition=definition):
            return id(definition) in sound
        case tuple():
            return all(_sound(part, sound) for part in key)
        case _:
            return True


def _words_of(span: Span) -> frozenset[str]:
    return frozenset(WORD.findall(span.text))


def _named(
    scopes: Iterable[FileScope], words: Mapping[int, frozenset[str]]
) -> dict[int, tuple[int, ...]]:
    """For each item by its id itself and those that its text names, in the order of the text."""
    named: dict[int, set[int]] = {}
    for scope in scopes:
        entries = scope.entries
        for item in scope.file.items:
            found = entries.keys() & words[id(item)]
            named[id(item)] = {id(item), *(id(entries[name].item) for name in found)}
    place = {item: i for i, item in enumerate(named)}
    return {item: tuple(sorted(on, key=lambda i: place.get(i, -1))) for item, on in named.items()}


def _resting_on(items: Iterable[int], named: Mapping[int, tuple[int, ...]]) -> set[int]:
    """Those items, and all that name one of them or of those that do."""
    naming: dict[int, list[int]] = {}
    for item, names in named.items():
        for name in names:
            naming.setdefault(name, []).append(item)
    left = list(items)
    reached = set(left)
    while left:
        new = [item for item in naming.get(left.pop(), ()) if item not in reached]
        reached.update(new)
        left += new
    return reached
