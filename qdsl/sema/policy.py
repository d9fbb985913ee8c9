"""Resolves a policy: which rule gives each property of each path its value."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from qdsl.ir.model import Arithmetic, Entry, Functions, Module, Parameter, Role, join
from qdsl.record import record
from qdsl.sema.context import Context
from qdsl.sema.limits import RULE
from qdsl.sema.scope import FileScope
from qdsl.sema.selector import Match, match_all
from qdsl.sema.shadowing import Shadows
from qdsl.sema.sites import sites_of
from qdsl.sema.unmatched import report_no_match, report_no_property
from qdsl.source import no_span
from qdsl.syntax import tree

STORAGE_PROPERTIES: Mapping[str, frozenset[Role]] = {
    "weights": frozenset((Role.WEIGHT,)),
    "bias": frozenset((Role.BIAS,)),
    "norm": frozenset((Role.NORM,)),
    "trainable": frozenset((Role.WEIGHT, Role.BIAS, Role.NORM)),
}
LAYER_PROPERTIES: Mapping[str, frozenset[str]] = {
    "activations": frozenset(("Linear", "Conv1d", "Conv2d", "LSTM", "GRU")),
    "state": frozenset(("LSTM", "GRU")),
}
VALUE_PROPERTIES = ("output", "matmul", "softmax")
MODEL_PROPERTIES: Mapping[str, tuple[str, ...]] = {
    "arithmetic": tuple(Arithmetic),
    "functions": tuple(Functions),
}
"""Properties that `default` alone has, with the words that are their values."""

PROPERTIES = (*STORAGE_PROPERTIES, *LAYER_PROPERTIES, *VALUE_PROPERTIES, *MODEL_PROPERTIES)


@record
class Claim:
    """One rule's word on one property of one path; `name` is the path it matched by."""

    rule: tree.Rule
    property: tree.Property
    name: str


@dataclass(slots=True)
class Claims:
    """Every claim by (property, path), in the order of the rules: the last one wins.

    sound: each rule was understood, so that a weight without a claim is one that no rule means.
    """

    found: dict[tuple[str, str], list[Claim]] = field(default_factory=dict)
    sound: bool = True

    def winner(self, property: str, path: str) -> Claim | None:
        claims = self.found.get((property, path))
        return claims[-1] if claims else None

    def of(self, path: str) -> list[tuple[str, list[Claim]]]:
        """Claims of a path by property, for `why`."""
        return [(p, claims) for (p, at), claims in self.found.items() if at == path]


@record
class RuleBody:
    """The rules of one policy, or of one `policy +=`, and the file they stand in.

    strict: it is for one model, so that rules with `**` and a kind must match too.
    """

    rules: tuple[tree.Rule, ...]
    scope: FileScope
    strict: bool


def resolve(
    bodies: Sequence[RuleBody],
    root: Module,
    ties: Mapping[str, str],
    shadows: Shadows,
    context: Context,
    *,
    entries: Iterable[Entry] = (),
    whole: bool,
) -> Claims:
    """Claims of every rule, bodies of bases first.

    Reports rules that match nothing and properties that fit nothing, if the model is `whole`.
    """
    placed = [(rule, body) for body in bodies for rule in body.rules]
    # `default` is the lowest rule wherever it stands
    placed.sort(key=lambda p: p[0].selector is not None)
    selectors = [rule.selector or _EVERYTHING for rule, _ in placed]
    for rule, _ in placed:
        context.tick(rule.span, RULE)
    if not placed:
        return Claims()
    last = placed[-1][0].span
    governed = {p.name.text for rule, _ in placed for p in rule.properties}
    sites = sites_of(root, entries) if governed & set(VALUE_PROPERTIES) else {}
    found = match_all(selectors, root, lambda n: context.count_matches(n, last), sites)
    claims = Claims()
    for (rule, body), matches in zip(placed, found, strict=True):
        if not matches:
            if whole and report_no_match(rule, body.strict, body.scope, root, context):
                claims.sound = False
            continue
        _claim(rule, matches, ties, claims, context, whole)
    shadows.note([body.rules for body in bodies], claims.found.values())
    return claims


def _claim(
    rule: tree.Rule,
    matches: Sequence[Match],
    ties: Mapping[str, str],
    claims: Claims,
    context: Context,
    whole: bool,
) -> None:
    for property in rule.properties:
        name = property.name.text
        if name not in PROPERTIES:
            claims.sound = False  # reported by a check
            continue
        if name in MODEL_PROPERTIES:
            claims.found.setdefault((name, ""), []).append(Claim(rule, property, ""))
            continue
        paths = list(_paths(name, matches))
        context.count_matches(len(paths), property.span)
        for path in paths:
            claim = Claim(rule, property, path)
            claims.found.setdefault((name, ties.get(path, path)), []).append(claim)
        if not paths and rule.selector is not None and whole:
            report_no_property(rule.selector, property, matches, context)
            claims.sound = False


def _paths(property: str, matches: Iterable[Match]) -> Iterable[str]:
    """Paths that the property governs, each once."""
    if property in LAYER_PROPERTIES:
        kinds = LAYER_PROPERTIES[property]
        modules = (m for m in matches if m.parameter is None and m.site is None)
        found = (m.path for m in modules if m.module.kind in kinds)
    elif property in VALUE_PROPERTIES:
        found = (path for m in matches if (path := _value_path(property, m)) is not None)
    else:
        roles = STORAGE_PROPERTIES[property]
        found = (join(m.path, p.name) for m in matches for p in _own(m) if p.role in roles)
    return dict.fromkeys(found)


def _value_path(property: str, match: Match) -> str | None:
    """The path of a value, or of a layer for its output; None where the property governs none."""
    if match.site is not None:
        return join(match.path, match.site.path) if match.site.has(property) else None
    layer = match.parameter is None and match.module.is_layer
    return match.path if layer and property == "output" else None


def _own(match: Match) -> tuple[Parameter, ...]:
    if match.site is not None:
        return ()
    return match.module.parameters if match.parameter is None else (match.parameter,)


_EVERYTHING = tree.Selector((tree.Segment(("**",), None, no_span()),), None, no_span())
