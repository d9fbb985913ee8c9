"""Resolves ties: chains to one owner, equal shapes, no cycles."""

from collections.abc import Iterable, Mapping

from qdsl.diagnostic.model import error
from qdsl.ir.model import Module, Parameter, join
from qdsl.sema.context import Context
from qdsl.sema.values import Repeated, TieValue, Unit


def resolve_ties(root: Unit, context: Context) -> dict[str, str]:
    """Alias path → owner path, chains resolved; what cannot be tied is reported and left out."""
    ties = _by_alias(_collect(root, {}), context)
    parameters = _parameters(root.module) if ties else {}
    owners: dict[str, str | None] = {}
    for tie in ties.values():
        _follow(tie, ties, owners, context)
    return {
        alias: owner
        for alias, tie in ties.items()
        if (owner := owners[alias]) and _same_shape(tie, owner, parameters, context)
    }


def _by_alias(ties: Iterable[TieValue], context: Context) -> dict[str, TieValue]:
    found: dict[str, TieValue] = {}
    for tie in ties:
        first = found.setdefault(tie.alias, tie)
        if first is not tie:
            message = f"`{tie.alias}` is tied twice"
            place = [(first.span, "first here")]
            help = "a weight has one owner"
            context.report(error("Q219", message, tie.span, secondary=place, help=help))
    return found


def _collect(unit: Unit, seen: dict[int, tuple[TieValue, ...]]) -> tuple[TieValue, ...]:
    """Ties below a unit, paths from it; a shared unit is looked at once."""
    if id(unit) not in seen:
        found = list(unit.ties)
        for name, value in unit.names.items():
            match value:
                case Unit():
                    found += [_below(name, t) for t in _collect(value, seen)]
                case Repeated(units):
                    for i, element in enumerate(units):
                        inner = _collect(element, seen)
                        found += [_below(f"{name}[{i}]", t) for t in inner]
                case _:
                    pass
        seen[id(unit)] = tuple(found)
    return seen[id(unit)]


def _below(name: str, tie: TieValue) -> TieValue:
    return TieValue(join(name, tie.alias), join(name, tie.owner), tie.span)


def _follow(
    tie: TieValue, ties: Mapping[str, TieValue], owners: dict[str, str | None], context: Context
) -> None:
    """Finds the owner at the end of the chain for each of its ties; None for those of a ring."""
    chain: dict[str, TieValue] = {}
    path = tie.alias
    while path in ties and path not in owners and path not in chain:
        chain[path] = ties[path]
        path = ties[path].owner
    owner: str | None = owners.get(path, path)
    if path in chain:
        owner = None
        # the last tie of the ring in the text is the one that closed it
        ring = list(chain.values())[list(chain).index(path) :]
        last = max(ring, key=lambda t: t.span.start)
        message = f"`{last.alias}` is tied to itself"
        help = "remove one of the ties of the cycle"
        context.report(error("Q217", message, last.span, "closes the cycle", help=help))
    owners.update(dict.fromkeys(chain, owner))


def _parameters(root: Module) -> dict[str, Parameter]:
    return {join(path, p.name): p for path, m in root.walk() for p in m.parameters}


def _same_shape(
    tie: TieValue, owner: str, parameters: Mapping[str, Parameter], context: Context
) -> bool:
    a, b = parameters[tie.alias], parameters[owner]
    if a.shape == b.shape:
        return True
    message = f"`{tie.alias}` is {list(a.shape)}, `{owner}` is {list(b.shape)}"
    help = "tied weights have one shape"
    context.report(error("Q218", message, tie.span, help=help))
    return False
