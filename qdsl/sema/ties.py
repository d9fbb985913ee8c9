"""Resolves ties: chains to one owner, equal shapes, no cycles."""

from collections.abc import Mapping

from qdsl.diagnostic.model import error
from qdsl.ir.model import Module, Parameter, join
from qdsl.sema.context import Context
from qdsl.sema.values import Repeated, TieValue, Unit
from qdsl.source import Span


def resolve_ties(root: Unit, context: Context) -> dict[str, str]:
    """Alias path → owner path, chains resolved; what cannot be tied is reported and left out."""
    ties = {t.alias: t for t in _collect(root, {})}
    parameters = _parameters(root.module) if ties else {}
    resolved: dict[str, str] = {}
    for alias, tie in ties.items():
        owner = _owner(tie, ties, context)
        if owner is not None and _same_shape(alias, owner, parameters, tie.span, context):
            resolved[alias] = owner
    return resolved


def _collect(unit: Unit, seen: dict[int, list[TieValue]]) -> list[TieValue]:
    """Ties below a unit, paths from it; a shared unit is looked at once."""
    if id(unit) in seen:
        return seen[id(unit)]
    found = list(unit.ties)
    for name, value in unit.names.items():
        match value:
            case Unit():
                found += [_below(name, t) for t in _collect(value, seen)]
            case Repeated(units):
                for i, element in enumerate(units):
                    found += [_below(f"{name}[{i}]", t) for t in _collect(element, seen)]
            case _:
                pass
    seen[id(unit)] = found
    return found


def _below(name: str, tie: TieValue) -> TieValue:
    return TieValue(join(name, tie.alias), join(name, tie.owner), tie.span)


def _owner(tie: TieValue, ties: Mapping[str, TieValue], context: Context) -> str | None:
    path, seen = tie.owner, {tie.alias}
    while path in ties:
        if path in seen:
            message = f"`{tie.alias}` is tied to itself"
            help = "remove one of the ties of the cycle"
            context.report(error("Q217", message, tie.span, "closes the cycle", help=help))
            return None
        seen.add(path)
        path = ties[path].owner
    return path


def _parameters(root: Module) -> dict[str, Parameter]:
    return {join(path, p.name): p for path, m in root.walk() for p in m.parameters}


def _same_shape(
    alias: str, owner: str, parameters: Mapping[str, Parameter], span: Span, context: Context
) -> bool:
    a, b = parameters[alias], parameters[owner]
    if a.shape == b.shape:
        return True
    message = f"`{alias}` is {list(a.shape)}, `{owner}` is {list(b.shape)}"
    context.report(error("Q218", message, span, help="tied weights have one shape"))
    return False
