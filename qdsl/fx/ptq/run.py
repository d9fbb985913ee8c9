"""Rounds all weights of a program in the order of its graphs, each for what it is then given."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from math import sqrt

import torch
from torch import Tensor

from qdsl.fx.program import Program
from qdsl.fx.ptq.compensate import Rounded, compensate, output_energy
from qdsl.fx.ptq.moments import given, moments, products
from qdsl.fx.ptq.report import Compensation, WeightError
from qdsl.fx.qat import freeze
from qdsl.fx.quantizer import QUANTIZER, Quantizer
from qdsl.fx.recording import Inputs, Tensors, alone, of_entries, recorded, walk
from qdsl.fx.storages import Storages
from qdsl.fx.trained import TrainedLayers
from qdsl.ir.flat import FlatNode, Graph, graphs
from qdsl.ir.format import F32
from qdsl.ir.model import Storage

Notice = Callable[[str], None]  # told the path of each weight before the work on it


@torch.no_grad()
def compensate_program(
    program: Program, inputs: Iterable[Inputs], notice: Notice = lambda path: None
) -> Compensation:
    """Freezes every weight of a QAT program, those of products with compensation.

    `inputs` name an entry and what it is given, any number of times. A layer's inputs are those
    that it gets with the weights before it already frozen. A weight that several products of an
    entry read is frozen at the first, for what all of them are given then. Raises QdslError as
    `Program.freeze`, ValueError for a program that is no QAT program or has frozen weights, and for
    an entry that there is not.
    """
    if not isinstance(program.lowering, TrainedLayers) or not program.lowering.quantized:
        raise ValueError("weights are compensated in a QAT program: call `to_qat` first")
    if any(quantizer.frozen for _, quantizer, _ in program.quantizers()):
        raise ValueError("weights are frozen already: compensate before `freeze` and `pack`")
    was_training = program.training
    work = _Work(program.eval(), notice)
    batches: dict[str, list[Sequence[Tensor | None]]] = {}
    for entry, values in of_entries(program, inputs):
        batches.setdefault(entry, []).append(values)
    found = [error for entry, given in batches.items() for error in work.entry(entry, given)]
    rest = work.rest(done={error.path for error in found})
    freeze(program).train(was_training)
    return Compensation((*found, *rest))


class _Work:
    def __init__(self, program: Program, notice: Notice) -> None:
        self._program, self._notice = program, notice
        self._storages = Storages(program.ir)
        self._graphs = {graph.entry: graph for graph in graphs(program.ir)}

    def entry(self, name: str, batches: list[Sequence[Tensor | None]]) -> Iterator[WeightError]:
        """Freezes what the products of an entry read, from its inputs on."""
        graph = self._graphs[name]
        stops = {flat.path for flat in graph.nodes if self._open(flat)}
        for flat, inputs in walk(self._program, graph, batches, stops):
            for path in self._open(flat):
                later = self._later(graph, flat, path, batches)
                yield self._compensated(flat, path, inputs, later)

    def rest(self, done: Collection[str]) -> Iterator[WeightError]:
        """Weights of codes that no product with recorded inputs reads."""
        for storage in self._program.ir.storages:
            if not storage.format.is_float and storage.path not in done:
                yield WeightError(storage.path, str(storage.format), compensated=False)

    def _open(self, flat: FlatNode) -> list[str]:
        """Paths of the operation's weights that are still to be frozen."""
        found = (p for p in products(flat) if not self._storages.of(p).format.is_float)
        return [p for p in found if not self._quantizer(self._storages.of(p)).frozen]

    def _later(
        self, graph: Graph, first: FlatNode, path: str, batches: list[Sequence[Tensor | None]]
    ) -> Iterator[Tensor]:
        """What other products of the entry with this weight are given, as the program is now."""
        owner = self._storages.owner(path)
        uses = [
            (flat, name)
            for flat in graph.nodes
            for name in products(flat)
            if flat.node is not first.node and self._storages.owner(name) == owner
        ]
        for values in batches if uses else ():
            found = recorded(self._program, graph, [flat for flat, _ in uses], values)
            for (flat, inputs), (_, name) in zip(found, uses, strict=True):
                yield self._given(flat, name, inputs)

    def _given(self, flat: FlatNode, path: str, inputs: Tensors) -> Tensor:
        run = alone(self._program, flat, len(inputs))
        return given(flat, path, inputs, run, self._read)

    def _compensated(
        self, flat: FlatNode, path: str, inputs: list[Tensors], later: Iterator[Tensor]
    ) -> WeightError:
        storage = self._storages.of(path)
        self._notice(storage.path)
        quantizer, weight = self._quantizer(storage), self._weight(storage)
        seen = moments(chain((self._given(flat, path, one) for one in inputs), later))
        assert seen is not None
        rounded = compensate(weight, quantizer.format, quantizer.state, seen)
        quantizer.fix(rounded.quantized)
        return _error(storage, rounded, output_energy(weight, seen))

    def _weight(self, storage: Storage) -> Tensor:
        weight = self._program.get_parameter(self._storages.key(storage.path))
        return weight.detach().reshape(storage.parameter.matrix)

    def _read(self, path: str) -> Tensor:
        """A parameter as the layers see it."""
        key = self._storages.key(path)
        weight = self._program.get_parameter(key)
        if self._storages.of(path).format == F32:
            return weight
        quantized: Tensor = self._program.get_submodule(key + QUANTIZER)(weight)
        return quantized

    def _quantizer(self, storage: Storage) -> Quantizer:
        found = self._program.get_submodule(self._storages.key(storage.path) + QUANTIZER)
        assert isinstance(found, Quantizer)
        return found


def _error(storage: Storage, rounded: Rounded, energy: float) -> WeightError:
    shares = [
        sqrt(error / energy) if energy > 0 else 0.0
        for error in (rounded.plain_error, rounded.compensated_error)
    ]
    return WeightError(
        path=storage.path,
        format=str(storage.format),
        compensated=rounded.compensated,
        rounded=shares[0],
        error=min(shares),
    )
