"""Compares every operation of a program of integer arithmetic with the packed one's."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from torch import Tensor

from qdsl.fx.function import function_of
from qdsl.fx.integer.calls import call_of
from qdsl.fx.lower import lower
from qdsl.fx.program import Program
from qdsl.fx.recording import as_tuple, placed
from qdsl.fx.storages import Storages
from qdsl.ir.flat import FlatNode, Graph
from qdsl.ir.integer import Kind, plan_of

Pairs = list[tuple[Tensor, Tensor]]


def operation_results(
    trained: Program, packed: Program, graph: Graph, inputs: Sequence[Tensor | None]
) -> Iterator[tuple[FlatNode, Pairs]]:
    """Each operation on integers, in order, with its results in both programs.

    Where those before it are equal, it was given the same codes in both.
    """
    plan, storages = plan_of(trained.ir, graph), Storages(trained.ir)
    assert plan is not None
    computed = [
        flat
        for place, flat in enumerate(graph.nodes)
        if plan.values[flat.node.outputs[0]].kind is Kind.CODES
        and call_of(plan, place, storages) is not None
    ]
    wanted = tuple(n for flat in computed for n in flat.node.outputs)
    if not wanted:
        return
    found = [_values(p, graph, wanted, inputs) for p in (trained, packed)]
    for flat in computed:
        yield flat, [(found[0][n], found[1][n]) for n in flat.node.outputs]


def _values(
    program: Program, graph: Graph, wanted: tuple[int, ...], inputs: Sequence[Tensor | None]
) -> dict[int, Tensor]:
    function = function_of(lower(replace(graph, outputs=wanted), program.lowering), "values")
    results = as_tuple(function(program, *placed(inputs, program.device)))
    return dict(zip(wanted, (tensor.cpu() for tensor in results), strict=True))
