"""Settles variants: what each takes from the one it extends, and what it overrides."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeVar

from qdsl.diagnostic.suggest import suggestion
from qdsl.record import record
from qdsl.sema.context import Context, Stop
from qdsl.sema.policy import RuleBody
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree

if TYPE_CHECKING:
    from qdsl.sema.recipe.reader import Overrides

T = TypeVar("T", tree.Variant, tree.Policy, tree.Budget, tree.Recipe, tree.Target)
E = TypeVar("E", tree.Variant, tree.Policy)
S = TypeVar("S")
Bodies = tuple[RuleBody, ...]
KEYS = ("model", "policy", "budget", "recipe", "target")


@record
class Settled:
    """A variant with its bases' settings under its own."""

    name: tree.Name
    model: tree.Expr | None = None
    model_scope: FileScope | None = None
    overrides: Mapping[str, tuple[tree.Setting, FileScope]] = field(default_factory=dict)
    policy: tree.Policy | None = None
    bodies: Bodies = ()
    limits: tuple[tree.Limit, ...] = ()
    recipe: tuple[tree.Recipe, FileScope] | None = None
    recipe_overrides: "Overrides" = field(default_factory=dict)
    target: tuple[tree.Name, FileScope] | None = None


@dataclass(eq=False)
class Settler:
    """Settles variants and policies, each once; None is one that has been reported as wrong."""

    context: Context
    settled: dict[int, Settled | None] = field(default_factory=dict)
    policies: dict[int, Bodies | None] = field(default_factory=dict)

    def settle(self, item: tree.Variant, scope: FileScope) -> Settled:
        """The variant's settings; raises Stop after reporting."""
        for variant, at in reversed(_chain(item, scope, tree.Variant, self.context, self.settled)):
            self.settled[id(variant)] = None
            self.settled[id(variant)] = self._applied(self._base(variant, at), variant, at)
        found = self.settled[id(item)]
        if found is None:
            raise Stop
        if found.model is None:
            if item.base and (base := scope.entries.get(item.base.text)) and base.scope is scope:
                raise Stop  # its base lacks it too, and is told so
            message = f"variant `{item.name.text}` has no model"
            raise self.context.stop("Q312", message, item.name.span, help="add `model = …`")
        return found

    def _base(self, variant: tree.Variant, scope: FileScope) -> Settled:
        if variant.base is None:
            return Settled(variant.name)
        base, _ = lookup(variant.base, scope, tree.Variant, self.context)
        settled = self.settled[id(base)]
        if settled is None:
            raise Stop
        return replace(settled, name=variant.name)

    def _applied(self, settled: Settled, variant: tree.Variant, scope: FileScope) -> Settled:
        """What a variant sets as a whole comes before what it changes, wherever it stands."""
        given: dict[str, tree.Setting] = {}
        for setting in sorted(variant.settings, key=_depth):
            match setting:
                case tree.PolicyAppend(rules=rules):
                    body = RuleBody(rules, scope, strict=True)
                    settled = replace(settled, bodies=(*settled.bodies, body))
                case tree.BudgetAppend(limits=limits):
                    settled = replace(settled, limits=(*settled.limits, *limits))
                case tree.Setting(path=path):
                    key = ".".join(n.text for n in path)
                    if key in given:
                        place = [(given[key].span, "first here")]
                        message, span = f"`{key}` is given twice", setting.span
                        raise self.context.stop("Q205", message, span, secondary=place)
                    given[key] = setting
                    settled = self._set(settled, setting, scope)
        return settled

    def _set(self, settled: Settled, setting: tree.Setting, scope: FileScope) -> Settled:
        path, value = [n.text for n in setting.path], setting.value
        match path:
            case ["model"]:
                return replace(settled, model=value, model_scope=scope, overrides={})
            case ["model", name]:
                overrides = {**settled.overrides, name: (setting, scope)}
                return replace(settled, overrides=overrides)
            case ["policy"]:
                policy, bodies = self._policy(value, scope)
                return replace(settled, policy=policy, bodies=bodies)
            case ["budget"]:
                budget, _ = lookup(self._name(value), scope, tree.Budget, self.context)
                return replace(settled, limits=budget.limits)
            case ["recipe"]:
                recipe = lookup(self._name(value), scope, tree.Recipe, self.context)
                return replace(settled, recipe=recipe, recipe_overrides={})
            case ["recipe", *inner] if len(inner) <= 2:
                changed = {**settled.recipe_overrides, tuple(inner): (setting, scope)}
                return replace(settled, recipe_overrides=changed)
            case ["target"]:
                return replace(settled, target=(self._name(value), scope))
            case _:
                raise self._unknown(setting, path)

    def _unknown(self, setting: tree.Setting, path: list[str]) -> Stop:
        span = setting.path[0].span.to(setting.path[-1].span)
        message = f"a variant has no `{'.'.join(path)}`"
        help = suggestion(path[0], KEYS)
        if path[0] == "model":
            help = "overrides reach the model's own arguments, no deeper: add a parameter"
        elif path[0] == "recipe":
            help = "overrides are `recipe.KEY` and `recipe.STAGE.KEY`, no deeper"
        elif path[0] in KEYS:
            help = f"write `{path[0]} = …` or `{path[0]} += {{ … }}`"
        return self.context.stop("Q314", message, span, help=help)

    def _policy(self, value: tree.Expr, scope: FileScope) -> tuple[tree.Policy, Bodies]:
        """A policy and its rules, those of its bases first."""
        policy, at = lookup(self._name(value), scope, tree.Policy, self.context)
        for p, s in reversed(_chain(policy, at, tree.Policy, self.context, self.policies)):
            self.policies[id(p)] = None
            base: Bodies | None = ()
            if p.base is not None:
                base = self.policies[id(lookup(p.base, s, tree.Policy, self.context)[0])]
            if base is not None:
                self.policies[id(p)] = (*base, RuleBody(p.rules, s, p.model is not None))
        bodies = self.policies[id(policy)]
        if bodies is None:
            raise Stop
        return policy, bodies

    def _name(self, value: tree.Expr) -> tree.Name:
        if isinstance(value, tree.Name):
            return value
        raise self.context.stop("Q201", "expected a name", value.span)


def _depth(setting: tree.Setting | tree.PolicyAppend | tree.BudgetAppend) -> int:
    return len(setting.path) if isinstance(setting, tree.Setting) else 3


def _chain(
    item: E,
    scope: FileScope,
    kind: type[E],
    context: Context,
    known: dict[int, S | None],
) -> list[tuple[E, FileScope]]:
    """The item and its bases, the last base last; it ends before one that is known.

    Where there is no end, each of them is known to be wrong from then on.
    """
    chain: list[tuple[E, FileScope]] = []
    seen: dict[int, int] = {}  # position in the chain by id
    try:
        while id(item) not in known:
            if id(item) in seen:
                raise _cycle([x for x, _ in chain[seen[id(item)] :]], context)
            seen[id(item)] = len(chain)
            chain.append((item, scope))
            if item.base is None:
                break
            item, scope = lookup(item.base, scope, kind, context)
    except Stop:
        known.update(dict.fromkeys(seen))
        raise
    return chain


def _cycle(ring: list[E], context: Context) -> Stop:
    """Reported at the last item of the text, from wherever the ring was entered."""
    last = max(ring, key=lambda x: x.span.start)
    assert last.base is not None
    word = type(last).__name__.lower()
    message = f"{word} `{last.name.text}` extends itself"
    if len(ring) > 1:
        message += " through " + ", ".join(f"`{x.name.text}`" for x in ring if x is not last)
    help = f"a chain of `extends` ends with a {word} that extends none"
    return context.stop("Q313", message, last.base.span, "closes the cycle", help=help)


def lookup(
    name: tree.Name, scope: FileScope, kind: type[T], context: Context
) -> tuple[T, FileScope]:
    """The item of that kind and its file; raises Stop after reporting."""
    entry = scope.find(name.text)
    if entry is not None and isinstance(entry.item, kind):
        return entry.item, entry.scope
    if name.text in scope.broken:
        raise Stop
    word = kind.__name__.lower()
    if entry is not None:
        message = f"`{name.text}` is a {_word(entry.item)}, not a {word}"
        raise context.stop("Q201", message, name.span)
    known = [n for n, e in scope.entries.items() if isinstance(e.item, kind)]
    help = suggestion(name.text, known)
    raise context.stop("Q101", f"unknown {word} `{name.text}`", name.span, "not found", help=help)


def _word(item: object) -> str:
    """How a spec calls the item."""
    if isinstance(item, tree.Block) and item.is_model:
        return "model"
    return type(item).__name__.lower()
