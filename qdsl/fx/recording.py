"""Runs parts of entries: what its operations are given, and one operation on given tensors."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from qdsl.fx.function import function_of
from qdsl.fx.lower import lower
from qdsl.fx.program import Program
from qdsl.ir import op
from qdsl.ir.flat import FlatNode, Graph
from qdsl.ir.model import EntryInput, TensorType

Inputs = tuple[str, Sequence[Tensor | None]]  # an entry and what it is given
Tensors = tuple[Tensor, ...]
Given = tuple[FlatNode, list[Tensors]]  # an operation and what it is given, for each batch


def of_entries(program: Program, inputs: Iterable[Inputs]) -> Iterator[Inputs]:
    """The inputs as they are; raises ValueError for those of an entry that there is not."""
    known = [entry.name for entry in program.ir.entries]
    for entry, values in inputs:
        if entry not in known:
            names = ", ".join(f"`{name}`" for name in known)
            raise ValueError(f"there is no entry `{entry}`: the model has {names}")
        yield entry, values


def walk(
    program: Program,
    graph: Graph,
    batches: Sequence[Sequence[Tensor | None]],
    stops: Collection[str],
) -> Iterator[Given]:
    """Each operation whose path is in `stops`, in the order of the graph, with its inputs.

    All batches go from one stop to the next together, so that what the caller changes in the
    program at a stop counts from that operation on. Memory is the values of all batches that are
    still needed.
    """
    at = [n for n, flat in enumerate(graph.nodes) if flat.path in stops and flat.node.parameters]
    parts = _Parts(graph)
    values: list[dict[int, Tensor]] = [{} for _ in batches]
    for begin, end in zip([0, *at], at, strict=False):
        part = parts.between(begin, end)
        function, needed = part.function(program), parts.used_from(end)
        for number, given in enumerate(batches):
            found = {**values[number], **function(given, values[number])}
            values[number] = {k: v for k, v in found.items() if k in needed}
        flat = graph.nodes[end]
        yield flat, [tuple(known[i] for i in flat.node.inputs) for known in values]


def recorded(
    program: Program, graph: Graph, nodes: Sequence[FlatNode], values: Sequence[Tensor | None]
) -> Iterator[tuple[FlatNode, Tensors]]:
    """Each of these operations with what it is given where the entry is given `values`."""
    wanted = tuple(dict.fromkeys(i for flat in nodes for i in flat.node.inputs))
    results: Tensors = ()
    if wanted:
        recording = lower(replace(graph, outputs=wanted), program.lowering)
        results = as_tuple(function_of(recording, "recording")(program, *values))
    found = dict(zip(wanted, results, strict=True))
    for flat in nodes:
        yield flat, tuple(found[i] for i in flat.node.inputs)


def alone(program: Program, flat: FlatNode, count: int) -> Callable[..., Tensors]:
    """One operation of the program as a function of its `count` inputs."""
    node = flat.node
    numbers = tuple(range(count, count + len(node.outputs)))
    renumbered = replace(node, inputs=tuple(range(count)), outputs=numbers)
    given = tuple(EntryInput(f"x{i}", node.types[0]) for i in range(count))
    graph = Graph("layer", given, (replace(flat, node=renumbered),), numbers, node.types)
    function = function_of(lower(graph, program.lowering), "layer")
    return lambda *inputs: as_tuple(function(program, *inputs))


def placed(values: Iterable[Tensor | None], device: torch.device) -> list[Tensor | None]:
    """Values on a device; None for a state that is left out."""
    return [value if value is None else value.to(device) for value in values]


def as_tuple(result: Tensor | Tensors) -> Tensors:
    """The results of an entry, of which there may be one."""
    return (result,) if isinstance(result, Tensor) else result


# ---- parts -------------------------------------------------------------------------------------

PartFunction = Callable[[Sequence[Tensor | None], Mapping[int, Tensor]], dict[int, Tensor]]


@dataclass(frozen=True, slots=True)
class _Part:
    """Consecutive operations: `takes` values from before them, `gives` some to those after."""

    graph: Graph
    takes: tuple[int, ...]
    gives: tuple[int, ...]

    def function(self, program: Program) -> PartFunction:
        """What the entry is given and the values known, to the values that the part gives."""
        if not self.gives:
            return lambda given, known: {}
        run = function_of(lower(self.graph, program.lowering), "part")
        entry_inputs = len(self.graph.inputs) - len(self.takes)

        def function(
            given: Sequence[Tensor | None], known: Mapping[int, Tensor]
        ) -> dict[int, Tensor]:
            rest = (None,) * (entry_inputs - len(given))
            results = as_tuple(run(program, *given, *rest, *(known[i] for i in self.takes)))
            return dict(zip(self.gives, results, strict=True))

        return function


class _Parts:
    """Cuts an unrolled entry; numbers that are no tensors are computed anew in each part."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._dtypes = {i: g.type.dtype for i, g in enumerate(graph.inputs)}
        self._numbers: dict[int, FlatNode] = {}
        self._last_use: dict[int, int] = {}
        for n, flat in enumerate(graph.nodes):
            self._last_use.update(dict.fromkeys(flat.node.inputs, n))
            for number, type in zip(flat.node.outputs, flat.node.types, strict=True):
                self._dtypes[number] = type.dtype
                if isinstance(flat.node.op, op.Scalar):
                    self._numbers[number] = flat

    def used_from(self, position: int) -> set[int]:
        """Values that an operation at `position` or after it takes."""
        return {number for number, last in self._last_use.items() if last >= position}

    def between(self, begin: int, end: int) -> _Part:
        """Operations `begin` to `end`, which is not among them."""
        inputs = tuple(range(len(self._graph.inputs)))
        nodes = self._with_numbers(self._graph.nodes[begin:end])
        own = tuple(o for flat in nodes for o in flat.node.outputs)
        known = {*inputs, *own}
        used = dict.fromkeys(i for flat in nodes for i in flat.node.inputs)
        takes = tuple(i for i in used if i not in known)
        # states that are left out become zeros in the first part
        available = own if begin else (*inputs, *own)
        needed = self.used_from(end) - self._numbers.keys()
        gives = tuple(o for o in available if o in needed)
        number = {old: new for new, old in enumerate((*inputs, *takes, *own))}
        carried = (EntryInput(f"value{i}", TensorType(self._dtypes[i], ())) for i in takes)
        graph = Graph(
            self._graph.entry,
            (*self._graph.inputs, *carried),
            tuple(_renumbered(flat, number) for flat in nodes),
            tuple(number[i] for i in gives),
            (),
        )
        return _Part(graph, takes, gives)

    def _with_numbers(self, nodes: Sequence[FlatNode]) -> tuple[FlatNode, ...]:
        own = {o for flat in nodes for o in flat.node.outputs}
        used = dict.fromkeys(i for flat in nodes for i in flat.node.inputs if i not in own)
        return (*(self._numbers[i] for i in used if i in self._numbers), *nodes)


def _renumbered(flat: FlatNode, number: Mapping[int, int]) -> FlatNode:
    node = flat.node
    inputs, outputs = (tuple(number[i] for i in part) for part in (node.inputs, node.outputs))
    return replace(flat, node=replace(node, inputs=inputs, outputs=outputs))
