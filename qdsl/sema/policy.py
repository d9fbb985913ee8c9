"""Resolves a policy: which rule gives each property of each path its value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qdsl.diagnostic.model import error, warning
from qdsl.diagnostic.suggest import did_you_mean, suggestion
from qdsl.ir.model import Module, Parameter, Role, join
from qdsl.sema.context import Context
from qdsl.sema.selector import Match, match_all
from qdsl.syntax import tree

STORAGE_PROPERTIES: Mapping[str, frozenset[Role]] = {
    "weights": frozenset((Role.WEIGHT,)),
    "bias": frozenset((Role.BIAS,)),
    "norm": frozenset((Role.NORM,)),
    "trainable": frozenset((Role.WEIGHT, Role.BIAS, Role.NORM)),
}
LAYER_PROPERTIES: Mapping[str, frozenset[str]] = {
    "activations": frozenset(("Linear", "Conv1d", "Conv2d", "LSTM")),
    "state": frozenset(("LSTM",)),
}
LATER = ("output", "matmul", "softmax")


@dataclass(frozen=True, slots=True)
class Claim:
    """One rule's word on one property of one path; `name` is the path it matched by."""

    rule: tree.Rule
    property: tree.Property
    name: str


@dataclass(slots=True)
class Claims:
    """Every claim by (property, path), in the order of the rules: the last one wins."""

    found: dict[tuple[str, str], list[Claim]] = field(default_factory=dict)

    def winner(self, property: str, path: str) -> Claim | None:
        claims = self.found.get((property, path))
        return claims[-1] if claims else None

    def of(self, path: str) -> list[tuple[str, list[Claim]]]:
        """Claims of a path by property, for `why`."""
        return [(p, claims) for (p, at), claims in self.found.items() if at == path]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """The rules of a policy, bases first.

    strict: rules with `**` or a kind must match too. whole: the model is without errors, so that a
    rule that matches nothing is one.
    """

    rules: tuple[tree.Rule, ...]
    strict: bool
    bodies: tuple[tuple[tree.Rule, ...], ...]
    whole: bool = True


def resolve(rules: RuleSet, root: Module, ties: Mapping[str, str], context: Context) -> Claims:
    """Claims of every rule; reports rules that match nothing and properties that fit nothing."""
    # `default` is the lowest rule wherever it stands
    ordered = sorted(rules.rules, key=lambda r: r.selector is not None)
    selectors = [r.selector or _EVERYTHING for r in ordered]
    claims = Claims()
    for rule, matches in zip(ordered, match_all(selectors, root), strict=True):
        if not matches:
            if rules.whole:
                _report_no_match(rule, rules.strict, root, context)
            continue
        for property in rule.properties:
            _claim(rule, property, matches, ties, claims, context)
    _report_shadowed(rules, claims, context)
    return claims


def _claim(
    rule: tree.Rule,
    property: tree.Property,
    matches: Sequence[Match],
    ties: Mapping[str, str],
    claims: Claims,
    context: Context,
) -> None:
    name = property.name.text
    if name in LATER:
        message = f"property `{name}` is not supported yet"
        context.report(error("Q303", message, property.name.span))
        return
    if name not in STORAGE_PROPERTIES and name not in LAYER_PROPERTIES:
        known = [*STORAGE_PROPERTIES, *LAYER_PROPERTIES]
        help = suggestion(name, known)
        context.report(error("Q303", f"unknown property `{name}`", property.name.span, help=help))
        return
    paths = list(_paths(name, matches))
    for path in paths:
        claim = Claim(rule, property, path)
        claims.found.setdefault((name, ties.get(path, path)), []).append(claim)
    if not paths and rule.selector is not None:
        _report_no_property(rule.selector, property, matches, context)


def _paths(property: str, matches: Iterable[Match]) -> Iterable[str]:
    """Paths that the property governs, each once."""
    if property in LAYER_PROPERTIES:
        kinds = LAYER_PROPERTIES[property]
        found = (m.path for m in matches if m.parameter is None and m.module.kind in kinds)
    else:
        roles = STORAGE_PROPERTIES[property]
        found = (join(m.path, p.name) for m in matches for p in _own(m) if p.role in roles)
    return dict.fromkeys(found)


def _own(match: Match) -> tuple[Parameter, ...]:
    return match.module.parameters if match.parameter is None else (match.parameter,)


def _report_no_match(rule: tree.Rule, strict: bool, root: Module, context: Context) -> None:
    selector = rule.selector
    if rule.optional or selector is None:
        return
    by_nature = selector.kind is not None or any(s.globs == ("**",) for s in selector.segments)
    if not strict and by_nature:
        return
    message = f"selector `{selector.span.text}` matches nothing"
    help = _nearest(selector, root) or "mark the rule `optional` where that is meant"
    context.report(error("Q304", message, selector.span, "no such path", help=help))


def _nearest(selector: tree.Selector, root: Module) -> str | None:
    """A path of the model near the selector: brackets added, a name corrected."""
    modules = [root]
    for position, segment in enumerate(selector.segments):
        if segment.globs == ("**",):
            return None
        inner = _members(modules)
        fitting = [
            m
            for name, (repeated, found) in inner.items()
            if _name_fits(segment, name) and (segment.indices is None or repeated)
            for m in found
        ]
        name = segment.globs[0]
        if name in inner and inner[name][0] and segment.indices is None:
            return f"`{name}` is repeated: did you mean `{_replaced(selector, position, name + '[*]')}`?"
        if not fitting:
            names = [*inner, *(p.name for m in modules for p in m.parameters)]
            if near := did_you_mean(name, names):
                brackets = "[*]" if near in inner and inner[near][0] else ""
                return f"did you mean `{_replaced(selector, position, near + brackets)}`?"
            return suggestion(name, names)
        modules = fitting
    return None


def _members(modules: Iterable[Module]) -> dict[str, tuple[bool, list[Module]]]:
    found: dict[str, tuple[bool, list[Module]]] = {}
    for module in modules:
        for name, member in module.members.items():
            repeated = not isinstance(member, Module)
            entry = found.setdefault(name, (repeated, []))
            entry[1].extend(member if isinstance(member, tuple) else [member])
    return found


def _name_fits(segment: tree.Segment, name: str) -> bool:
    from qdsl.sema.selector import _glob

    return any(_glob(g).fullmatch(name) for g in segment.globs)


def _replaced(selector: tree.Selector, position: int, text: str) -> str:
    parts = [s.span.text for s in selector.segments]
    parts[position] = text
    return ".".join(parts)


def _report_no_property(
    selector: tree.Selector, property: tree.Property, matches: Sequence[Match], context: Context
) -> None:
    text, name = selector.span.text, property.name.text
    what = f"`{matches[0].module.kind}`" if len({m.module.kind for m in matches}) == 1 else "matches"
    message = f"`{text}` has no `{name}` of its own"
    blocks = all(not m.module.is_layer for m in matches)
    help = f"did you mean `{text}.**`?" if blocks else f"{what} has no property `{name}`"
    context.report(error("Q305", message, property.name.span, secondary=[(selector.span, "matched here")], help=help))


def _report_shadowed(rules: RuleSet, claims: Claims, context: Context) -> None:
    """Warns of a rule within one body that wins nothing of what it claims."""
    won: set[int] = set()
    claimed: set[int] = set()
    last: dict[int, Claim] = {}
    for found in claims.found.values():
        won.add(id(found[-1].rule))
        for claim in found:
            claimed.add(id(claim.rule))
            last[id(claim.rule)] = found[-1]
    for body in rules.bodies:
        own = {id(r) for r in body}
        for rule in body:
            if id(rule) not in claimed or id(rule) in won or rule.selector is None:
                continue
            winner = last[id(rule)].rule
            if id(winner) in own and winner.selector is not None:
                message = f"rule `{rule.selector.span.text}` is shadowed"
                label = f"`{winner.selector.span.text}` below takes all it matches"
                context.report(warning("Q306", message, rule.selector.span, label, help="remove it"))


def _everything() -> tree.Selector:
    from qdsl.source import no_span

    span = no_span()
    return tree.Selector((tree.Segment(("**",), None, span),), None, span)


_EVERYTHING = _everything()
