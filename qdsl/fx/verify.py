"""Compares a trained program with its packed file, layer by layer, on the same recorded inputs."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from qdsl.artifact import container
from qdsl.artifact.container import Artifact
from qdsl.fx.bounds import bounds
from qdsl.fx.compare import codes_equal, ranges_equal, stored_otherwise
from qdsl.fx.integer.compare import operation_results
from qdsl.fx.packed import program_of
from qdsl.fx.program import Program
from qdsl.fx.recording import Inputs, Tensors, alone, as_tuple, placed, recorded
from qdsl.fx.report import EntryReport, LayerReport, Report
from qdsl.fx.storages import Storages
from qdsl.ir.flat import FlatNode, Graph, graphs
from qdsl.ir.format import Activations, are_integers
from qdsl.ir.integer import value_path
from qdsl.ir.model import Arithmetic, Model
from qdsl.ir.need import needs
from qdsl.ir.op import Conv, Einsum, Linear, Recurrent, Softmax

EQUAL = torch.zeros((), dtype=torch.float64)  # what operations on integers may differ by
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
        file=artifact.fingerprint,
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
            graph = by_entry[name]
            if self.exact.ir.arithmetic is Arithmetic.INTEGER:
                for flat, pairs in operation_results(self.exact, self.packed, graph, values):
                    differences = found.setdefault(value_path(flat), (flat, []))[1]
                    differences.extend(_difference(*pair, EQUAL) for pair in pairs)
                continue
            for flat, given in recorded(self.exact, graph, self._packed(graph), values):
                differences = found.setdefault(_name(flat), (flat, []))[1]
                differences.extend(self._compared(flat, given))
        return tuple(self._layer(flat, differences) for flat, differences in found.values())

    def entry(self, name: str, values: Sequence[Tensor | None]) -> EntryReport:
        expected = as_tuple(self.exact.entry(name)(*values))
        actual = self._run_packed(self.packed.entry(name), values)
        pairs = list(zip(expected, actual, strict=True))
        return EntryReport(
            entry=name,
            equal=all(_same(a, b) for a, b in pairs),
            max_error=max(_distance(a, b) for a, b in pairs),
            must_be_equal=_integer(self.exact.ir),
            finite=any(bool(a.isfinite().any()) for a in expected),
        )

    def _run_packed(self, run: Callable[..., Any], inputs: Sequence[Tensor | None]) -> Tensors:
        """Results where those of the exact program are."""
        found = as_tuple(run(*placed(inputs, self.packed.device)))
        return tuple(tensor.to(self.exact.device) for tensor in found)

    def _layer(self, flat: FlatNode, differences: list[_Difference]) -> LayerReport:
        worst = max(differences, key=lambda d: d.error / max(d.bound, SMALLEST))
        storages = Storages(self.exact.ir)
        equal = all(
            codes_equal(self.exact, self.artifact, storages.of(p))
            for p in storages.parameters(flat)
            if not storages.of(p).format.is_float
        )
        equal = equal and ranges_equal(self.exact, self.artifact, flat.value)
        integer = self.exact.ir.arithmetic is Arithmetic.INTEGER
        return LayerReport(
            path=value_path(flat) if integer else flat.value,
            kind=type(flat.node.op).__name__,
            codes_equal=equal,
            max_error=worst.error,
            bound=worst.bound,
            ok=equal and worst.ok,
        )

    def _packed(self, graph: Graph) -> list[FlatNode]:
        """The operations on packed weights, and those whose operands or results are rounded."""
        packed = {need.path for need in needs(self.exact.ir)}
        rounded = self.exact.ir.roundings
        return [
            f
            for f in graph.nodes
            if (f.path in packed and f.node.parameters) or _is_rounded(f, rounded)
        ]

    def _compared(self, flat: FlatNode, inputs: Tensors) -> list[_Difference]:
        exact, packed = (alone(p, flat, len(inputs)) for p in (self.exact, self.packed))
        if isinstance(flat.node.op, Recurrent):
            if not inputs[0].shape[1]:
                return [_Difference(0.0, 0.0, True)]
            inputs = _steps(exact, inputs)
        expected, actual = exact(*inputs), self._run_packed(packed, inputs)
        allowed = bounds(self.exact, flat, inputs)
        return [_difference(*three) for three in zip(expected, actual, allowed, strict=True)]


def _name(flat: FlatNode) -> str:
    """Operations of one kind with one path are compared together."""
    return f"{flat.value} {type(flat.node.op).__name__}"


def _is_rounded(flat: FlatNode, roundings: Mapping[str, Mapping[str, Activations]]) -> bool:
    found = {property for property, paths in roundings.items() if flat.value in paths}
    match flat.node.op:
        case Einsum():
            own = {"matmul"}
        case Softmax():
            own = {"softmax"}
        case _:
            own = set()
    return bool(found & (own | {"output"} if flat.ends else own))


def _steps(layer: Callable[..., Tensors], inputs: Tensors) -> Tensors:
    """All steps of a sequence as a batch of sequences of length 1: none errs for another."""
    x, *states = inputs
    before = []
    for t in range(x.shape[1]):
        before.append((x[:, t : t + 1], *states))
        _, *states = layer(*before[-1])
    return tuple(torch.cat(parts) for parts in zip(*before, strict=True))


def _difference(expected: Tensor, actual: Tensor, allowed: Tensor) -> _Difference:
    # of what is not finite nothing is allowed, and the error is that of equal ones, or has no bound
    limit = allowed.nan_to_num(nan=0.0, posinf=0.0).expand(actual.shape).flatten()
    if _same(expected, actual):
        return _Difference(0.0, float(limit.max()) if limit.numel() else 0.0, True)
    error = _error(expected, actual).flatten()
    worst = int((error / limit.clamp(min=SMALLEST)).argmax())
    return _Difference(float(error[worst]), float(limit[worst]), bool((error <= limit).all()))


def _distance(a: Tensor, b: Tensor) -> float:
    return float(_error(a, b).max()) if a.numel() else 0.0


def _error(a: Tensor, b: Tensor) -> Tensor:
    """How far elements are from each other, float64: inf where one of them alone is not finite."""
    far = (a.double() - b.double()).abs().nan_to_num(nan=math.inf)
    return torch.where(_alike(a, b), 0.0, far)


def _alike(a: Tensor, b: Tensor) -> Tensor:
    """Which elements are equal; NaN equals NaN."""
    return (a == b) | (a.isnan() & b.isnan())


def _same(a: Tensor, b: Tensor) -> bool:
    return bool(_alike(a, b).all())


def _integer(model: Model) -> bool:
    """Whether every product with a weight is one of integers."""
    if model.arithmetic is Arithmetic.INTEGER:
        return True
    nodes = (f for g in graphs(model) for f in g.nodes)
    products = [f for f in nodes if isinstance(f.node.op, Linear | Conv | Recurrent)]
    states = [model.states.get(f.path) for f in products if isinstance(f.node.op, Recurrent)]
    inputs = [model.activations.get(f.path) for f in products]
    return all(map(are_integers, (*inputs, *states)))
