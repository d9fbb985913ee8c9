"""Reports what integer arithmetic cannot compute: operations, and weights that are no integers."""

from collections.abc import Iterator
from functools import lru_cache

from qdsl.diagnostic.model import Diagnostic, error
from qdsl.ir import op
from qdsl.ir.flat import graphs
from qdsl.ir.format import (
    BinaryGrid,
    FloatZero,
    IntegerGrid,
    Levels,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.integer import Refused, plans, value_path
from qdsl.ir.model import Model, Role, Storage
from qdsl.source import no_span

MOST_TERMS = 1 << 16
_PRODUCTS = (op.Linear, op.Conv, op.Embedding, op.Lstm, op.Gru)


@lru_cache(maxsize=8)  # models are compared by identity
def integer_findings(model: Model) -> list[Diagnostic]:
    """Q530 for operations, Q531 for weights of products, each once."""
    found: dict[str, Diagnostic] = {}
    for plan in plans(model).entries.values():
        for refused in plan.refused:
            found.setdefault(value_path(refused.flat), _operation(refused))
    return [*found.values(), *_weights(model)]


def _operation(refused: Refused) -> Diagnostic:
    flat = refused.flat
    message = f"`{value_path(flat)}` does not run in integers: {refused.reason}"
    help = "compute it before or after the model, or use another arithmetic"
    span = flat.node.span
    return error("Q530", message, None if span == no_span() else span, help=help)


def _weights(model: Model) -> Iterator[Diagnostic]:
    storages = {s.path: s for s in model.storages}
    read = {
        model.ties.get(path, path): None
        for graph in graphs(model)
        for flat in graph.nodes
        if isinstance(flat.node.op, _PRODUCTS)
        for path in flat.node.parameters
    }
    alike: dict[tuple[object, str], list[Storage]] = {}
    for path in read:
        storage = storages[path]
        if storage.parameter.role is Role.WEIGHT and (reason := _reason(storage)):
            alike.setdefault((storage.assigned.span, reason), []).append(storage)
    for (_, reason), wrong in alike.items():
        yield _weight(wrong, reason)


def _weight(wrong: list[Storage], reason: str) -> Diagnostic:
    first, more = wrong[0], f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
    message = f"`{first.path}`{more} cannot be multiplied in integers: {reason}"
    span, help = first.assigned.span, "write `weights = int8` or another format of integers"
    return error("Q531", message, None if span == no_span() else span, help=help)


def _reason(storage: Storage) -> str:
    """Why a weight has no place in an integer product, empty where it has."""
    _, k = storage.parameter.matrix
    if k > MOST_TERMS:
        return f"sums of {k} products are more than 32 bits hold"
    return "" if _has_integers(storage.format) else f"{storage.format} has no integer codes"


def _has_integers(format: WeightFormat) -> bool:
    match format.grid:
        case IntegerGrid(levels=levels):
            return levels is not Levels.HALF and not isinstance(format.zero, FloatZero)
        case TernaryGrid() | BinaryGrid():
            return True
        case _:
            return False
