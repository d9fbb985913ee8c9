"""Says which operation on packed weights each layer of a model needs from a back end."""

from collections.abc import Iterator
from functools import lru_cache

from qdsl.ir import op
from qdsl.ir.flat import FlatNode, graphs
from qdsl.ir.format import ActivationFormat, Activations, PerToken
from qdsl.ir.model import Arithmetic, Model, Role, Storage
from qdsl.record import record


@record
class Need:
    """A product or a read of a packed weight in the layer at `path`.

    `operation` is one of `qdsl::`, composed of the operation `parts` where a back end has no kernel
    for it (none where it cannot be composed). A need of a float storage can be met by none: its
    layer rounds activations, which only packed weights take.
    """

    path: str
    operation: str
    storage: Storage
    activations: Activations | None = None
    parts: str = ""


@lru_cache(maxsize=2)
def needs(model: Model) -> tuple[Need, ...]:
    """What all entries need, each once, in the order of use; parameters in f32 need nothing."""
    of = _integer_needs if model.arithmetic is Arithmetic.INTEGER else _needs
    owned = {s.path: s for s in model.storages}
    folded = {f.norm for f in model.folds}
    found: dict[tuple[str, str, str], Need] = {}
    for graph in graphs(model):
        for flat in graph.nodes:
            if flat.path in folded or not flat.node.parameters:
                continue
            storages = [owned.get(model.ties.get(p, p)) for p in flat.node.parameters]
            for need in of(model, flat, [s for s in storages if s is not None]):
                found.setdefault((need.path, need.operation, need.storage.path), need)
    return tuple(found.values())


def _needs(model: Model, flat: FlatNode, storages: list[Storage]) -> Iterator[Need]:
    activations = model.activations.get(flat.path)
    match flat.node.op:
        case op.Linear():
            yield from _product(flat.path, "linear", storages[0], activations)
            yield from _reads(flat.path, storages[1:])
        case op.Conv(groups=groups):
            parts = "linear" if groups == 1 else ""
            yield from _product(flat.path, "conv", storages[0], activations, parts)
            yield from _reads(flat.path, storages[1:])
        case op.Embedding():
            yield from _product(flat.path, "embedding", storages[0], None)
        case op.Lstm() | op.Gru():
            yield from _recurrent(model, flat, storages, activations)
        case _:
            yield from _reads(flat.path, storages)


def _integer_needs(model: Model, flat: FlatNode, storages: list[Storage]) -> Iterator[Need]:
    """Of the weights; all else that stays a float in the file becomes constants."""
    match flat.node.op:
        case op.Linear() | op.Conv() | op.Embedding() | op.Lstm() | op.Gru() as layer:
            operation = f"integer_{type(layer).__name__.lower()}"
            for storage in storages:
                if storage.parameter.role is Role.WEIGHT:
                    yield Need(flat.path, operation, storage)
        case _:
            return


def _recurrent(
    model: Model, flat: FlatNode, storages: list[Storage], activations: Activations | None
) -> Iterator[Need]:
    path = flat.path
    weight_ih, *recurrent = (s for s in storages if s.parameter.role is Role.WEIGHT)
    states = model.states.get(path)
    if isinstance(states, ActivationFormat):
        # a state has one row per example: per token and per tensor are the same
        states = ActivationFormat(PerToken())
    plain = activations is None and states is None
    if plain and any(s.format.is_float for s in (weight_ih, *recurrent)):
        # torch's own recurrence, over weights read back as f32
        yield from _reads(path, storages)
        return
    rounded = not plain
    product, parts = ("lstm", "") if isinstance(flat.node.op, op.Lstm) else ("gru", "linear")
    for storage, operation, format, of in (
        (weight_ih, "linear", activations, ""),
        *((s, product, states, parts) for s in recurrent),
    ):
        if rounded or not storage.format.is_float:
            yield Need(path, operation, storage, format, of)
    yield from _reads(path, [s for s in storages if s.parameter.role is Role.BIAS])


def _product(
    path: str,
    operation: str,
    storage: Storage,
    activations: Activations | None,
    parts: str = "",
) -> Iterator[Need]:
    if not storage.format.is_float or activations is not None:
        yield Need(path, operation, storage, activations, parts)


def _reads(path: str, storages: list[Storage]) -> Iterator[Need]:
    for storage in storages:
        if not storage.format.is_float:
            yield Need(path, "dequantize", storage)
