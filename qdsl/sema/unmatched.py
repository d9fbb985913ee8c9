"""Reports selectors that match nothing, with the path that was most likely meant."""

import re
from collections.abc import Iterable, Sequence

from qdsl.diagnostic.model import Edit, error
from qdsl.diagnostic.suggest import did_you_mean, suggestion
from qdsl.ir.model import Module
from qdsl.record import record
from qdsl.sema.context import Context
from qdsl.sema.language import layer_kind, layer_kinds
from qdsl.sema.scope import FileScope
from qdsl.sema.selector import Match, glob_fits, index_fits
from qdsl.syntax import tree


def report_no_match(
    rule: tree.Rule, strict: bool, scope: FileScope, root: Module, context: Context
) -> bool:
    """Whether it is an error: not where the rule is optional or one for whatever it meets."""
    selector = rule.selector
    if selector is None or rule.optional:
        return False
    if selector.kind is not None and not _is_kind(selector.kind.text, scope, root):
        kinds = {k.name for k in layer_kinds()} | {m.kind for _, m in root.walk()}
        message = f"unknown kind `{selector.kind.text}`"
        help = suggestion(selector.kind.text, kinds)
        span = selector.kind.span
        context.report(error("Q318", message, span, "no layer or block", help=help))
        return True
    open_ended = any(s.globs == ("**",) for s in selector.segments)
    if not strict and selector.kind is not None and open_ended:
        return False
    message = f"selector `{selector.span.text}` matches nothing"
    help = _nearest(selector, root) or "mark the rule `optional` where that is meant"
    fix = _instead(selector, help)
    context.report(error("Q304", message, selector.span, "no such path", help=help, fix=fix))
    return True


def _is_kind(kind: str, scope: FileScope, root: Module) -> bool:
    entry = scope.find(kind)
    if layer_kind(kind) or (entry and isinstance(entry.item, tree.Block)):
        return True
    return any(m.kind == kind for _, m in root.walk())


def report_no_property(
    selector: tree.Selector, property: tree.Property, matches: Sequence[Match], context: Context
) -> None:
    """An error: what the selector matches has no such property."""
    text, name = selector.span.text, property.name.text
    message = f"`{text}` has no `{name}`"
    kinds = {m.module.kind for m in matches}
    help = f"it is a `{next(iter(kinds))}`" if len(kinds) == 1 else None
    sites = [m.site for m in matches if m.site]
    if sites:
        words = dict.fromkeys(type(s.ops[-1]).__name__.lower() for s in sites)
        help = f"it is the value of {' and '.join(words)}"
    elif all(not m.module.is_layer for m in matches):
        help = f"it is a block: did you mean `{text}.**`?"
    place = [(selector.span, "matched here")]
    span, label, fix = property.name.span, "not a property of it", _instead(selector, help)
    context.report(error("Q305", message, span, label, secondary=place, help=help, fix=fix))


def _instead(selector: tree.Selector, help: str | None) -> Edit | None:
    """The edit of a help that ends in the selector that was meant."""
    found = re.search(r"did you mean `([^`]+)`\?$", help or "")
    return Edit(selector.span, found[1]) if found else None


def _nearest(selector: tree.Selector, root: Module) -> str | None:
    """What was most likely meant: the first segment that leads nowhere, corrected."""
    modules = [root]
    for position, segment in enumerate(selector.segments):
        if segment.globs == ("**",):
            return None
        inner = _members(modules)
        reached = [m for name, found in inner.items() for m in found.at(segment, name)]
        if not reached:
            parameters = [p.name for m in modules for p in m.parameters]
            return _corrected(selector, position, inner, parameters)
        modules = reached
    kinds = sorted({m.kind for m in modules})
    return f"it is a `{kinds[0]}`" if selector.kind and len(kinds) == 1 else None


@record
class _Found:
    """Members of one name: `repeats` has the elements of each `repeat`, `single` the others."""

    single: list[Module]
    repeats: list[tuple[Module, ...]]

    def at(self, segment: tree.Segment, name: str) -> Iterable[Module]:
        """Those that a segment of a selector reaches."""
        if not any(glob_fits(g, name) for g in segment.globs):
            return
        if segment.indices is None:
            yield from self.single
        if segment.indices is not None or segment.globs == ("*",):
            for elements in self.repeats:
                for i, element in enumerate(elements):
                    if index_fits(segment, i, len(elements)):
                        yield element


def _members(modules: Iterable[Module]) -> dict[str, _Found]:
    found: dict[str, _Found] = {}
    # equal modules are one value, looked at once
    for module in {id(m): m for m in modules}.values():
        for name, member in module.members.items():
            entry = found.setdefault(name, _Found([], []))
            if isinstance(member, Module):
                entry.single.append(member)
            else:
                entry.repeats.append(member)
    return found


def _corrected(
    selector: tree.Selector, position: int, inner: dict[str, _Found], parameters: list[str]
) -> str | None:
    segment = selector.segments[position]
    name = segment.globs[0]
    if name not in inner:
        near = did_you_mean(name, [*inner, *parameters])
        if near is None and len(selector.segments) == 1 and did_you_mean(name, ["default"]):
            return "did you mean `default`?"
        if near is None:
            return suggestion(name, [*inner, *parameters])
        brackets = "[*]" if near in inner and inner[near].repeats else ""
        return f"did you mean `{_replaced(selector, position, near + brackets)}`?"
    if segment.indices is None:
        meant = _replaced(selector, position, f"{name}[*]")
        return f"`{name}` is a `repeat`: did you mean `{meant}`?"
    if not inner[name].repeats:
        return f"`{name}` is no `repeat`: did you mean `{_replaced(selector, position, name)}`?"
    count = max(map(len, inner[name].repeats))
    return f"`{name}` has {count} elements" + (f", 0 to {count - 1}" if count else "")


def _replaced(selector: tree.Selector, position: int, text: str) -> str:
    parts = [s.span.text for s in selector.segments]
    parts[position] = text
    return ".".join(parts) + (f":{selector.kind.text}" if selector.kind else "")
