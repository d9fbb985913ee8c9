"""Compares a trained program with its packed file, layer by layer, on the same recorded inputs."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from qdsl.artifact import container
from qdsl.artifact.container import Artifact
from qdsl.fx.bounds import bounds
from qdsl.fx.compare import codes_equal, stored_otherwise
from qdsl.fx.lower import lower
from qdsl.fx.packed import program_of
from qdsl.fx.program import Program, function_of
from qdsl.fx.report import EntryReport, LayerReport, Report
from qdsl.fx.storages import Storages
from qdsl.ir.flat import FlatNode, Graph, graphs
from qdsl.ir.model import EntryInput, Model
from qdsl.ir.need import needs
from qdsl.ir.op import Conv, Linear, Recurrent

Inputs = tuple[str, Sequence[Tensor | None]]  # an entry and what it is given
Tensors = tuple[Tensor, ...]
SMALLEST = 2.0**-149  # a bound of 0 allows no difference at all


@torch.no_grad()
def verify(
    program: Program, path: Path | str, inputs: Iterable[Inputs], backend: str = "cpu"
) -> Report:
    """Compares a QAT program, frozen as it was packed, with the file at `path` on a back end.

    Each layer of the packed graph is given what it gets in exact mode. The file's codes are
    compared with the frozen ones, results with `bounds`. Raises QdslError for a file or a back end
    that is not sound.
    """
    artifact = container.read(Path(path))
    exact = deepcopy(program).exact()
    session = _Session(exact, program_of(artifact, backend), artifact)
    given = tuple(inputs)
    return Report(
        layers=session.layers(given),
        entries=tuple(session.entry(name, values) for name, values in given),
        stored=stored_otherwise(exact, artifact),
    )


@dataclass(frozen=True, slots=True)
class _Difference:
    """The element that is worst with respect to its bound."""

    error: float
    bound: float
    ok: bool


@dataclass(frozen=True, slots=True)
class _Session:
    exact: Program
    packed: Program
    artifact: Artifact

    def layers(self, inputs: tuple[Inputs, ...]) -> tuple[LayerReport, ...]:
        by_entry = {g.entry: g for g in graphs(self.exact.ir)}
        found: dict[str, tuple[FlatNode, list[_Difference]]] = {}
        for name, values in inputs:
            for flat, given in self._recorded(by_entry[name], values):
                differences = found.setdefault(flat.path, (flat, []))[1]
                differences.extend(self._compared(flat, given))
        return tuple(self._layer(flat, found[flat.path][1]) for flat, _ in found.values())

    def entry(self, name: str, values: Sequence[Tensor | None]) -> EntryReport:
        expected = _tuple(self.exact.entry(name)(*values))
        actual = _tuple(self.packed.entry(name)(*values))
        pairs = list(zip(expected, actual, strict=True))
        return EntryReport(
            entry=name,
            equal=all(_same(a, b) for a, b in pairs),
            max_error=max(float((a.double() - b.double()).abs().max()) for a, b in pairs),
            must_be_equal=_integer(self.exact.ir),
        )

    def _layer(self, flat: FlatNode, differences: list[_Difference]) -> LayerReport:
        worst = max(differences, key=lambda d: d.error / max(d.bound, SMALLEST))
        storages = Storages(self.exact.ir)
        equal = all(
            codes_equal(self.exact, self.artifact, storages.of(p))
            for p in storages.parameters(flat)
            if not storages.of(p).format.is_float
        )
        return LayerReport(
            path=flat.path,
            kind=type(flat.node.op).__name__,
            codes_equal=equal,
            max_error=worst.error,
            bound=worst.bound,
            ok=equal and worst.ok,
        )

    def _recorded(
        self, graph: Graph, values: Sequence[Tensor | None]
    ) -> Iterator[tuple[FlatNode, Tensors]]:
        """Each operation on packed weights with what it gets in exact mode."""
        packed = {need.path for need in needs(self.exact.ir)}
        nodes = [f for f in graph.nodes if f.path in packed and f.node.parameters]
        wanted = tuple(dict.fromkeys(i for f in nodes for i in f.node.inputs))
        if not wanted:
            yield from ((f, ()) for f in nodes)
            return
        recording = lower(replace(graph, outputs=wanted), self.exact.lowering)
        results = _tuple(function_of(recording, "recording")(self.exact, *values))
        recorded = dict(zip(wanted, results, strict=True))
        for flat in nodes:
            yield flat, tuple(recorded[i] for i in flat.node.inputs)

    def _compared(self, flat: FlatNode, inputs: Tensors) -> list[_Difference]:
        exact, packed = (_alone(p, flat, len(inputs)) for p in (self.exact, self.packed))
        if isinstance(flat.node.op, Recurrent):
            inputs = _steps(exact, inputs)
        expected, actual = exact(*inputs), packed(*inputs)
        allowed = bounds(self.exact, flat, inputs)
        return [_difference(*three) for three in zip(expected, actual, allowed, strict=True)]


def _alone(program: Program, flat: FlatNode, count: int) -> Callable[..., Tensors]:
    """One operation of the program as a function of its `count` inputs."""
    node = flat.node
    numbers = tuple(range(count, count + len(node.outputs)))
    alone = replace(node, inputs=tuple(range(count)), outputs=numbers)
    given = tuple(EntryInput(f"x{i}", node.types[0]) for i in range(count))
    graph = Graph("layer", given, (replace(flat, node=alone),), numbers, node.types)
    function = function_of(lower(graph, program.lowering), "layer")
    return lambda *inputs: _tuple(function(program, *inputs))


def _steps(layer: Callable[..., Tensors], inputs: Tensors) -> Tensors:
    """All steps of a sequence as a batch of sequences of length 1: none errs for another."""
    x, *states = inputs
    before = []
    for t in range(x.shape[1]):
        before.append((x[:, t : t + 1], *states))
        _, *states = layer(*before[-1])
    return tuple(torch.cat(parts) for parts in zip(*before, strict=True)) or inputs


def _difference(expected: Tensor, actual: Tensor, allowed: Tensor) -> _Difference:
    if _same(expected, actual):
        return _Difference(0.0, float(allowed.max()) if allowed.numel() else 0.0, True)
    error = (actual.double() - expected.double()).abs().flatten()
    limit = allowed.expand(actual.shape).flatten()
    worst = int((error / limit.clamp(min=SMALLEST)).nan_to_num(nan=math.inf).argmax())
    return _Difference(float(error[worst]), float(limit[worst]), bool((error <= limit).all()))


def _same(a: Tensor, b: Tensor) -> bool:
    """Equal element by element; NaN equals NaN."""
    return bool(((a == b) | (a.isnan() & b.isnan())).all())


def _integer(model: Model) -> bool:
    """Whether every product with a weight is one of integers."""
    nodes = (f for g in graphs(model) for f in g.nodes)
    products = [f for f in nodes if isinstance(f.node.op, Linear | Conv | Recurrent)]
    recurrent = (f.path in model.states for f in products if isinstance(f.node.op, Recurrent))
    return all(f.path in model.activations for f in products) and all(recurrent)


def _tuple(result: Tensor | Tensors) -> Tensors:
    return (result,) if isinstance(result, Tensor) else result
