"""Follows selectors through the blocks of a model, as far as the text alone tells."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from qdsl.lsp.definitions import BlockNames, Shape
from qdsl.lsp.symbol import Kind, Occurrence
from qdsl.sema.scope import FileScope
from qdsl.sema.selector import ANY, glob_fits
from qdsl.source import Span
from qdsl.syntax import tree

GLOB = re.compile(r"[\w*]+")


@dataclass(eq=False)
class Used:
    """Which models the policies, budgets and variants of a file are about."""

    scope: FileScope
    _about: dict[int, dict[int, BlockNames]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for variant in self.scope.own(tree.Variant):
            if model := self._model(variant):
                for item in (variant, *self._bodies(variant)):
                    self._note(item, model)
        for policy in self.scope.own(tree.Policy):
            entry = self.scope.entries.get(policy.model.text) if policy.model else None
            if entry and isinstance(entry.item, tree.Block):
                self._note(policy, BlockNames(entry.item, entry.scope))

    def models(self, item: tree.Policy | tree.Budget | tree.Variant) -> tuple[BlockNames, ...]:
        return tuple(self._about.get(id(item), {}).values())

    def recipe(self, variant: tree.Variant) -> tree.Recipe | None:
        """The recipe that a variant names, or one of its bases."""
        for name in self._values(variant, "recipe"):
            if isinstance(name, tree.Name) and (entry := self.scope.entries.get(name.text)):
                return entry.item if isinstance(entry.item, tree.Recipe) else None
        return None

    def _note(self, item: tree.Item, model: BlockNames) -> None:
        self._about.setdefault(id(item), {})[id(model.block)] = model

    def _model(self, variant: tree.Variant) -> BlockNames | None:
        for value in self._values(variant, "model"):
            callee = value.callee if isinstance(value, tree.Call) else value
            entry = self.scope.entries.get(callee.text) if isinstance(callee, tree.Name) else None
            if entry and isinstance(entry.item, tree.Block):
                return BlockNames(entry.item, entry.scope)
        return None

    def _bodies(self, variant: tree.Variant) -> Iterator[tree.Policy | tree.Budget]:
        """Policies, with those they extend, and budgets of a variant."""
        for value in (*self._values(variant, "policy"), *self._values(variant, "budget")):
            name = value if isinstance(value, tree.Name) else None
            seen: set[int] = set()
            while name and (entry := self.scope.entries.get(name.text)):
                item = entry.item
                if not isinstance(item, tree.Policy | tree.Budget) or id(item) in seen:
                    break
                seen.add(id(item))
                yield item
                name = item.base if isinstance(item, tree.Policy) else None

    def _values(self, variant: tree.Variant, key: str) -> Iterator[tree.Expr]:
        """What a variant sets as a whole, then what its bases do."""
        seen: set[int] = set()
        item: object = variant
        while isinstance(item, tree.Variant) and id(item) not in seen:
            seen.add(id(item))
            for setting in item.settings:
                if isinstance(setting, tree.Setting) and [n.text for n in setting.path] == [key]:
                    yield setting.value
            entry = self.scope.entries.get(item.base.text) if item.base else None
            item = entry.item if entry else None


def occurrences(
    selector: tree.Selector, models: Iterable[BlockNames], *, entries: bool = False
) -> Iterator[Occurrence]:
    """What the names of a selector mean; a name behind a wildcard may mean several members.

    `entries`: it is the name of an entry, as in `macs(encode)`.
    """
    reached = {id(m.block): m for m in models}
    for segment in selector.segments:
        if segment.globs == ANY:
            reached = _all_below(reached.values())
            continue
        for span in globs(segment):
            for block in reached.values():
                symbol = block.symbols.get(span.text)
                if symbol and entries == (symbol.kind is Kind.ENTRY):
                    yield Occurrence(span, symbol)
        reached = _following(segment, reached.values())


def _following(segment: tree.Segment, blocks: Iterable[BlockNames]) -> dict[int, BlockNames]:
    """The blocks that are members of these under a name that fits the segment."""
    return {
        id(shape.block.block): shape.block
        for block in blocks
        for name, shape in block.below().items()
        if shape.block and any(glob_fits(g, name) for g in segment.globs)
    }


def globs(segment: tree.Segment) -> Iterator[Span]:
    """Where the alternatives of a segment stand."""
    text = segment.span.text.partition("[")[0]
    for found in GLOB.finditer(text):
        start = segment.span.start
        yield Span(segment.span.source, start + found.start(), start + found.end())


def _all_below(blocks: Iterable[BlockNames]) -> dict[int, BlockNames]:
    """The blocks, and all that they hold."""
    found: dict[int, BlockNames] = {}
    left = [Shape(b) for b in blocks]
    while left:
        block = left.pop().block
        if block and id(block.block) not in found:
            found[id(block.block)] = block
            left += block.below().values()
    return found
