"""Measures the kernel of a linear layer alone, with weights from the caches or from memory."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, fx

from qdsl.artifact import container
from qdsl.artifact.container import Artifact
from qdsl.bench.clock import Call, enough, mean_seconds, threads, wait_for
from qdsl.bench.given import MOST_ELEMENTS
from qdsl.bench.model import Plan, layer_row
from qdsl.bench.packed import pack_untrained
from qdsl.bench.profile import facts
from qdsl.bench.report import KernelReport, KernelRow
from qdsl.bench.roofline import best, measure
from qdsl.bench.sample import sample
from qdsl.bench.work import Layer, constants, layers
from qdsl.diagnostic.model import Diagnostic, QdslError, error
from qdsl.fx.ops import backend as backend_of
from qdsl.fx.packed import canonical, program_of
from qdsl.fx.program import Program
from qdsl.fx.storages import Storages
from qdsl.ir.format import CodebookGrid, FloatGrid
from qdsl.record import record
from qdsl.source import Source
from qdsl.spec import Variant, check_spec
from qdsl.syntax import read
from qdsl.target import Backend, Measured, device_of

COLD_BYTES = 100_000_000
MOST_COPIES = 50_000
"""Distinct weights that calls with cold ones go round."""

_DYNAMIC = "int8(dynamic, per = token)"

_SPEC = """qspec 1

model Kernel {{
    layer = Linear({inputs} -> {outputs}, bias = false)

    entry run(x: f32[M, {inputs}]) {{ return layer(x) }}
}}

policy formats for Kernel {{
    layer {{
        weights = {weights}
        activations = {activations}
    }}
}}

variant kernel {{
    model = Kernel()
    policy = formats
}}
"""


@record
class Case:
    """Weights and activations as a spec writes them (`int8`: the dynamic one), and M, N, K."""

    weights: str
    activations: str
    shape: tuple[int, int, int]
    cold: bool

    @property
    def shape_text(self) -> str:
        return " x ".join(map(str, self.shape))

    def variant(self) -> Variant:
        """A spec of this one layer; raises QdslError for formats that there are not."""
        _, outputs, inputs = self.shape
        activations = _DYNAMIC if self.activations == "int8" else self.activations
        text = _SPEC.format(
            inputs=inputs, outputs=outputs, weights=self.weights, activations=activations
        )

        def reading(path: Path, name: str) -> tuple[Source | None, tuple[Diagnostic, ...]]:
            return (Source(name, text), ()) if name == "(kernel)" else read(path, name)

        spec = check_spec("(kernel)", reading)
        if not spec.compiled.ok:
            raise QdslError(spec.diagnostics)
        return spec.variants["kernel"]


def usual_activations(weights: str, shape: tuple[int, int, int]) -> str:
    """`int8`, or `f32` where weights of that format (as a spec writes it) are no integers.

    Raises QdslError for formats that there are not.
    """
    (storage,) = Case(weights, "f32", shape, cold=False).variant().model.storages
    return "f32" if isinstance(storage.format.grid, FloatGrid | CodebookGrid) else "int8"


def bench_kernels(cases: list[Case], plan: Plan) -> KernelReport:
    """One row per case; raises QdslError for what cannot be written, packed, or run."""
    with threads(plan.threads) as count:
        rows = tuple(_row(case, plan, count) for case in cases)
    return KernelReport(backend=plan.backend, threads=count, rows=rows)


@torch.no_grad()
def _row(case: Case, plan: Plan, count: int) -> KernelRow:
    _refuse_large(case)
    machine = backend_of(plan.backend)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.qpack"
        pack_untrained(case.variant(), path)
        artifact = container.read(path)
        rows, _, inputs = case.shape
        program = program_of(artifact, plan.backend)
        x, wait = torch.randn(rows, inputs).to(program.device), wait_for(program.device)
        alone = _alone(program, x, plan.backend)
        copies = _copies(case, alone.layer, machine) if case.cold else 1
        calls = alone.calls([_again(artifact, machine) for _ in range(copies - 1)])
    work = alone.layer.work
    sets = frozenset[int]() if case.cold else frozenset([work.working_set])
    layer = replace(alone.layer, work=replace(work, working_set=copies * work.working_set))
    times, limits = [], []
    turns = enough(partial(_run, calls), wait)
    for number in range(plan.rounds):
        plan.notice(f"{case.weights}, {case.shape_text}: round {number + 1} of {plan.rounds}")
        before = measure(machine, count, sets) if isinstance(machine, Measured) else None
        _run(calls)  # the limits have swept the caches
        times.append(mean_seconds(partial(_run, calls), turns, wait) / len(calls))
        if before and isinstance(machine, Measured):
            limits.append(best(before, measure(machine, count, sets)))
    return KernelRow(
        layer=layer_row(layer, sample(times), tuple(limits)),
        activations=case.activations,
        cold=case.cold,
        copies=copies,
        limits=tuple(limits),
    )


def _refuse_large(case: Case) -> None:
    rows, outputs, inputs = case.shape
    if max(rows * outputs, rows * inputs, outputs * inputs) > MOST_ELEMENTS:
        message = (
            f"a product of {case.shape_text} has a matrix of more than {MOST_ELEMENTS:,} numbers"
        )
        raise QdslError([error("Q750", message, help="give another `--shape`")])


@record
class _Alone:
    """The node of the layer with what it is given; `place` is where the weight stands."""

    layer: Layer
    target: Callable[..., object]
    arguments: tuple[object, ...]
    place: int

    def calls(self, others: "list[Tensor | None]") -> list[Call]:
        """With the weight itself, and with each of the others; None is a copy of it."""
        weight = self.arguments[self.place]
        assert isinstance(weight, Tensor)
        weights = [weight, *(weight.clone() if o is None else o for o in others)]
        before, after = self.arguments[: self.place], self.arguments[self.place + 1 :]
        return [partial(self.target, *before, w, *after) for w in weights]


class _Given(fx.Interpreter):
    """Runs an entry and keeps what each node is given."""

    def __init__(self, program: Program, entry: str) -> None:
        super().__init__(program, graph=program.graph(entry))
        self.arguments: dict[str, tuple[object, ...]] = {}

    def run_node(self, n: fx.Node) -> object:
        self.arguments[n.name] = self.fetch_args_kwargs_from_env(n)[0]
        return super().run_node(n)


def _alone(program: Program, x: Tensor, backend: str) -> _Alone:
    given = _Given(program, "run")
    given.run(x)
    graph, known = program.graph("run"), facts(program, "run", [x])
    ((name, layer),) = layers(graph, Storages(program.ir), backend_of(backend), known).items()
    node = next(n for n in graph.nodes if n.name == name)
    fixed = constants(graph)
    place = next(i for i, a in enumerate(node.args) if isinstance(a, fx.Node) and a in fixed)
    assert callable(node.target)
    return _Alone(layer, node.target, given.arguments[name], place)


def _copies(case: Case, layer: Layer, machine: Backend) -> int:
    """As many as together leave no cache a use."""
    memory = machine.memory_bytes() if isinstance(machine, Measured) else 0
    count = max(1, ceil(max(COLD_BYTES, memory // 2) / layer.work.bytes))
    if count > MOST_COPIES:
        message = f"a product of {case.shape_text} would need {count:,} weights to leave the caches"
        raise QdslError([error("Q750", message, help="give a larger `--shape`, or no `--cold`")])
    return count


def _again(artifact: Artifact, machine: Backend) -> Tensor | None:
    """The weight repacked once more, in memory as the back end wants it; None for floats."""
    (storage,) = artifact.model.storages
    if storage.format.is_float:
        return None
    return machine.repack(canonical(artifact, storage)).to(device_of(machine))


def _run(calls: list[Call]) -> None:
    for call in calls:
        call()
