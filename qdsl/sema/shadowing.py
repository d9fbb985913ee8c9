"""Finds rules that later rules of the same policy leave without a word, and warns of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from qdsl.diagnostic.model import warning
from qdsl.sema.context import Context
from qdsl.syntax import tree


class OfRule(Protocol):
    """A claim, as far as this file needs it."""

    @property
    def rule(self) -> tree.Rule: ...

    @property
    def name(self) -> str: ...


@dataclass(slots=True)
class Shadows:
    """What all variants of a file say: a rule is shadowed where no variant needs it.

    shadowed: rule and a later rule that takes what it claims, by the rule's id.
    """

    shadowed: dict[int, tuple[tree.Rule, tree.Rule]] = field(default_factory=dict)
    needed: set[int] = field(default_factory=set)

    def note(
        self, bodies: Sequence[Sequence[tree.Rule]], claims: Iterable[Sequence[OfRule]]
    ) -> None:
        """Adds one variant: its bodies of rules, and the claims on each path in their order."""
        body_of = {id(rule): i for i, body in enumerate(bodies) for rule in body}
        for found in claims:
            # of rules on a tied weight only those that name it alike shadow each other
            last: dict[tuple[int, str], tree.Rule] = {}
            for claim in reversed(found):
                key = body_of[id(claim.rule)], claim.name
                if key not in last:
                    last[key] = claim.rule
                    self.needed.add(id(claim.rule))
                elif last[key] is not claim.rule:
                    self.shadowed.setdefault(id(claim.rule), (claim.rule, last[key]))

    def add(self, other: "Shadows") -> None:
        """Adds what other variants say."""
        self.shadowed = {**other.shadowed, **self.shadowed}
        self.needed |= other.needed

    def report(self, context: Context) -> None:
        for key, (rule, later) in self.shadowed.items():
            if key in self.needed or rule.selector is None or later.selector is None:
                continue
            message = f"rule `{rule.selector.span.text}` is shadowed"
            label = f"`{later.selector.span.text}` below takes all it matches"
            if rule.selector.span.source is not later.selector.span.source:
                label = "a later rule takes all it matches"
            help = "remove it, or move it below"
            context.report(warning("Q306", message, rule.selector.span, label, help=help))
