"""Measures an entry of a packed program, operation by operation, on random inputs."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor

from qdsl.bench.clock import enough, mean_seconds, threads, wait_for
from qdsl.bench.given import fitting, random_inputs, sizes_of
from qdsl.bench.profile import facts, node_seconds
from qdsl.bench.report import LayerRow, ModelReport, RestRow
from qdsl.bench.roofline import Limits, best, bound, fractions, measure
from qdsl.bench.sample import Sample, sample
from qdsl.bench.work import Layer, layers, target_name
from qdsl.fx.ops import backend as backend_of
from qdsl.fx.program import Program
from qdsl.fx.recording import placed
from qdsl.fx.storages import Storages
from qdsl.ir.model import Entry
from qdsl.record import record
from qdsl.target import Measured

MOST_RUNS = 30  # of the graph, node by node, in one round

Notice = Callable[[str], None]


@record
class Plan:
    """How a benchmark is run: `threads` None is as many as torch uses."""

    backend: str = "cpu"
    threads: int | None = None
    rounds: int = 9
    notice: Notice = lambda text: None


@record
class _Round:
    seconds: float
    nodes: Mapping[str, float]
    limits: Limits | None


@torch.no_grad()
def bench_model(
    program: Program, name: str, entry: Entry, given: Mapping[str, int], plan: Plan
) -> ModelReport:
    """The report of an entry; raises QdslError (Q750) for sizes on which it does not run."""
    sizes = sizes_of(entry, given)
    inputs = placed(random_inputs(program.ir, entry, sizes), program.device)
    with threads(plan.threads) as count:
        found = _layers(program, entry, sizes, inputs, plan)
        rounds = list(_rounds(program, entry, inputs, found, count, plan))
    limits = tuple(r.limits for r in rounds if r.limits)
    graph = program.graph(entry.name)
    operations = [n for n in graph.nodes if n.op not in ("placeholder", "output")]
    rest = [n for n in operations if n.name not in found]
    return ModelReport(
        name=name,
        entry=entry.name,
        sizes=sizes,
        backend=plan.backend,
        threads=count,
        seconds=sample(r.seconds for r in rounds),
        layers=tuple(
            layer_row(layer, sample(r.nodes[node] for r in rounds), limits)
            for node, layer in found.items()
        ),
        rest=_rest({n.name: target_name(n) for n in rest}, rounds),
        limits=limits,
    )


def layer_row(layer: Layer, seconds: Sample, limits: tuple[Limits, ...]) -> LayerRow:
    """The row of an operation, with fractions where limits were measured."""
    return LayerRow(
        path=layer.path,
        operation=layer.operation,
        kernel=layer.kernel,
        format=layer.format,
        work=layer.work,
        seconds=seconds,
        fraction=fractions(layer.work, limits, seconds) if limits else None,
        bound=bound(layer.work, limits[-1]) if limits else None,
    )


def _layers(
    program: Program,
    entry: Entry,
    sizes: Mapping[str, int],
    inputs: list[Tensor | None],
    plan: Plan,
) -> dict[str, Layer]:
    """By node; the first run of the entry, which shows whether it takes the inputs."""
    with fitting(entry.name, sizes):
        known = facts(program, entry.name, inputs)
    graph, storages = program.graph(entry.name), Storages(program.ir)
    return layers(graph, storages, backend_of(plan.backend), known)


def _rounds(
    program: Program,
    entry: Entry,
    inputs: list[Tensor | None],
    found: Mapping[str, Layer],
    count: int,
    plan: Plan,
) -> "list[_Round]":
    machine = backend_of(plan.backend)
    sets = frozenset(layer.work.working_set for layer in found.values())
    call = partial(program.entry(entry.name), *inputs)
    wait = wait_for(program.device)
    calls = enough(call, wait)
    rounds = []
    for number in range(plan.rounds):
        plan.notice(f"round {number + 1} of {plan.rounds}")
        before = measure(machine, count, sets) if isinstance(machine, Measured) else None
        call()  # the limits have swept the caches
        seconds = mean_seconds(call, calls, wait)
        nodes = node_seconds(program, entry.name, inputs, min(calls, MOST_RUNS))
        after = measure(machine, count, sets) if isinstance(machine, Measured) else None
        rounds.append(_Round(seconds, nodes, best(before, after) if before and after else None))
    return rounds


def _rest(nodes: Mapping[str, str], rounds: list[_Round]) -> tuple[RestRow, ...]:
    """Nodes by operation, those that take longest first."""
    counts = Counter(nodes.values())
    rows = []
    for operation, count in counts.items():
        own = [node for node, name in nodes.items() if name == operation]
        seconds = sample(sum(r.nodes[node] for node in own) for r in rounds)
        rows.append(RestRow(operation, count, seconds))
    return tuple(sorted(rows, key=lambda row: row.seconds.median, reverse=True))
