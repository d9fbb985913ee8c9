"""Settles variants: what each takes from the one it extends, and what it overrides."""

from dataclasses import dataclass, replace
from typing import TypeVar

from qdsl.diagnostic.suggest import suggestion
from qdsl.sema.context import Context, Stop
from qdsl.sema.scope import FileScope
from qdsl.syntax import tree

Rules = tuple[tuple[tree.Rule, ...], FileScope]
T = TypeVar("T", tree.Variant, tree.Policy, tree.Budget)
KEYS = ("model", "policy", "budget")
LATER = ("recipe", "target")


@dataclass(frozen=True, slots=True)
class Settled:
    """A variant with its bases' settings under its own."""

    name: str
    span: tree.Name
    model: tree.Expr | None = None
    model_scope: FileScope | None = None
    overrides: tuple[tuple[tree.Setting, FileScope], ...] = ()
    policy: tree.Policy | None = None
    rules: tuple[Rules, ...] = ()
    limits: tuple[tree.Limit, ...] = ()


def settle(item: tree.Variant, scope: FileScope, context: Context) -> Settled:
    """The variant's settings; raises Stop after reporting."""
    settled = Settled(item.name.text, item.name)
    for variant, at in _chain(item, scope, context):
        for setting in variant.settings:
            settled = _apply(settled, setting, at, context)
    if settled.model is None:
        message = f"variant `{item.name.text}` has no model"
        raise context.stop("Q312", message, item.name.span, help="add `model = …`")
    return settled


def _chain(
    item: tree.Variant, scope: FileScope, context: Context
) -> list[tuple[tree.Variant, FileScope]]:
    """The variant and its bases, the last base first."""
    chain = [(item, scope)]
    while (base := chain[0][0].base) is not None:
        found, at = lookup(base, chain[0][1], tree.Variant, context)
        if any(found is v for v, _ in chain):
            message = f"variant `{base.text}` extends itself"
            raise context.stop("Q313", message, base.span, "closes the cycle")
        chain.insert(0, (found, at))
    return chain


def _apply(
    settled: Settled,
    setting: tree.Setting | tree.PolicyAppend | tree.BudgetAppend,
    scope: FileScope,
    context: Context,
) -> Settled:
    match setting:
        case tree.PolicyAppend(rules=rules):
            return replace(settled, rules=(*settled.rules, (rules, scope)))
        case tree.BudgetAppend(limits=limits):
            return replace(settled, limits=(*settled.limits, *limits))
        case tree.Setting(path=path, value=value):
            return _set(settled, setting, [n.text for n in path], value, scope, context)


def _set(
    settled: Settled,
    setting: tree.Setting,
    path: list[str],
    value: tree.Expr,
    scope: FileScope,
    context: Context,
) -> Settled:
    match path:
        case ["model"]:
            return replace(settled, model=value, model_scope=scope, overrides=())
        case ["model", _]:
            return replace(settled, overrides=(*settled.overrides, (setting, scope)))
        case ["policy"]:
            policy, rules = _policy(value, scope, context)
            return replace(settled, policy=policy, rules=rules)
        case ["budget"]:
            budget, _ = lookup(_name(value, context), scope, tree.Budget, context)
            return replace(settled, limits=budget.limits)
        case [key, *_] if key in LATER:
            message = f"`{key}` is not supported yet"
            raise context.stop("Q314", message, setting.span, help="remove it from the variant")
        case _:
            message = f"a variant has no `{'.'.join(path)}`"
            help = suggestion(path[0], KEYS)
            if path[0] == "model":
                help = "overrides reach the model's own arguments and no deeper"
            raise context.stop("Q314", message, setting.path[0].span, help=help)


def _policy(
    value: tree.Expr, scope: FileScope, context: Context
) -> tuple[tree.Policy, tuple[Rules, ...]]:
    """A policy and its rules, those of its bases first."""
    policy, at = lookup(_name(value, context), scope, tree.Policy, context)
    chain = [(policy, at)]
    while (base := chain[0][0].base) is not None:
        found, at = lookup(base, chain[0][1], tree.Policy, context)
        if any(found is p for p, _ in chain):
            message = f"policy `{base.text}` extends itself"
            raise context.stop("Q313", message, base.span, "closes the cycle")
        chain.insert(0, (found, at))
    return policy, tuple((p.rules, s) for p, s in chain)


def _name(value: tree.Expr, context: Context) -> tree.Name:
    if isinstance(value, tree.Name):
        return value
    raise context.stop("Q201", "expected a name", value.span)


def lookup(
    name: tree.Name, scope: FileScope, kind: type[T], context: Context
) -> tuple[T, FileScope]:
    """The item of that kind and its file; raises Stop after reporting."""
    entry = scope.find(name.text)
    if entry is not None and isinstance(entry.item, kind):
        return entry.item, entry.scope
    word = kind.__name__.lower()
    if entry is not None:
        message = f"`{name.text}` is a {type(entry.item).__name__.lower()}, not a {word}"
        raise context.stop("Q201", message, name.span)
    known = [n for n, e in scope.entries.items() if isinstance(e.item, kind)]
    help = suggestion(name.text, known)
    raise context.stop("Q101", f"unknown {word} `{name.text}`", name.span, "not found", help=help)
