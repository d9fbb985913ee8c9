"""Folds each BatchNorm into the layer before it, and makes the others a scale and a shift.

With statistics m, v, gain g and offset b a norm is y = (x - m)·g / sqrt(v + eps) + b. Where x is
the output of a convolution or linear layer with weight W and bias c, y is that layer with W and
c - m scaled by g / sqrt(v + eps), plus b: the norm is gone and the layer has a bias. Elsewhere the
norm keeps two numbers per channel, weight = g / sqrt(v + eps) and bias = b - m·weight; a BatchNorm
whose statistics are not stored is to be read so.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import lru_cache

from qdsl.ir.flat import FlatNode, Graph, flatten
from qdsl.ir.format import F32
from qdsl.ir.model import Assigned, Entry, Fold, Model, Parameter, Role, Storage, join
from qdsl.ir.op import BatchNorm, Conv, Linear

STATISTICS = ("running_mean", "running_var")
_NORM = ("weight", "bias", *STATISTICS)


def fold_batch_norm(model: Model) -> Model:
    """The model with `folds` decided and its storages changed accordingly."""
    calls = _calls(model.entries)
    tied = model.ties.keys() | set(model.ties.values())
    norms = [n for n in calls.before if not any(join(n, p) in tied for p in _NORM)]
    folds = tuple(Fold(n, into) for n in norms if (into := _target(n, calls, tied)) is not None)
    return replace(model, folds=folds, storages=tuple(_stored(model, norms, folds)))


@dataclass(slots=True)
class _Calls:
    """By layer path over all entries: what gives a norm its input, what takes a layer's output.

    None stands for anything that is not the other half of a pair.
    """

    before: defaultdict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))
    after: defaultdict[str, set[str | None]] = field(default_factory=lambda: defaultdict(set))


@lru_cache(maxsize=2)
def _calls(entries: tuple[Entry, ...]) -> _Calls:
    calls = _Calls()
    graphs = [flatten(entry) for entry in entries]
    if not any(isinstance(flat.node.op, BatchNorm) for graph in graphs for flat in graph.nodes):
        return calls
    for graph in graphs:
        users = _users(graph)
        makers = {value: flat for flat in graph.nodes for value in flat.node.outputs}
        for flat in graph.nodes:
            if isinstance(flat.node.op, BatchNorm):
                maker = makers.get(flat.node.inputs[0])
                calls.before[flat.path].add(maker.path if maker and _is_product(maker) else None)
            elif _is_product(flat):
                calls.after[flat.path].add(_only_norm(users[flat.node.outputs[0]]))
    return calls


def _users(graph: Graph) -> defaultdict[int, list[FlatNode | None]]:
    """What reads each value, once per use; None where the entry returns it."""
    users: defaultdict[int, list[FlatNode | None]] = defaultdict(list)
    for flat in graph.nodes:
        for value in flat.node.inputs:
            users[value].append(flat)
    for value in graph.outputs:
        users[value].append(None)
    return users


def _is_product(flat: FlatNode) -> bool:
    return isinstance(flat.node.op, Conv | Linear)


def _only_norm(users: list[FlatNode | None]) -> str | None:
    """The norm that is the one reader of a value."""
    only = users[0] if len(users) == 1 else None
    return only.path if only and isinstance(only.node.op, BatchNorm) else None


def _target(norm: str, calls: _Calls, tied: set[str]) -> str | None:
    """The layer that takes the norm in: all calls of either are calls of the pair."""
    (into, *others) = calls.before[norm]
    if into is None or others or calls.after[into] != {norm}:
        return None
    return None if {join(into, "weight"), join(into, "bias")} & tied else into


def _stored(model: Model, norms: list[str], folds: tuple[Fold, ...]) -> Iterator[Storage]:
    """What is left to store, in order; a bias that a layer gains comes last of the layer's."""
    into = {fold.into for fold in folds}
    gone = {join(fold.norm, p) for fold in folds for p in _NORM}
    gone |= {join(norm, p) for norm in norms for p in STATISTICS}
    known = {s.path for s in model.storages}
    for storage in model.storages:
        if storage.path not in gone:
            yield storage
        path = storage.module_path
        if path in into and storage.parameter.name == "weight":
            if (bias := join(path, "bias")) not in known:
                yield _bias(bias, storage)


def _bias(path: str, weight: Storage) -> Storage:
    parameter = Parameter(
        name="bias",
        shape=weight.parameter.shape[:1],
        role=Role.BIAS,
        init="zeros",
        span=weight.parameter.span,
    )
    return Storage(path, weight.kind, parameter, Assigned(F32), weight.trainable, weight.place)
