"""Times the operations of `qdsl::` through torch's dispatcher, as a packed graph calls them."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import assert_never

import torch

from peers.problem import (
    Call,
    Contender,
    Encoder,
    Network,
    Problem,
    Product,
    Recurrence,
    Run,
    network,
)
from peers.weights import weight
from qdsl import load, load_spec
from qdsl.fx.ops import backend, operation
from qdsl_cpu.backend import isa

NAME = "qdsl"
PACKED = ("int4", "int8")  # variants of the encoder


def start(threads: int) -> dict[str, str]:
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    backend("cpu")
    return {"qdsl": version("qdsl"), "instruction set": isa()}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    """Ours, and beside a sparse weight the dense one."""
    match problem:
        case Product():
            yield Contender(NAME, problem.bytes, partial(_product, problem), _copies(problem))
            if problem.is_sparse:
                dense = problem.dense
                prepare = partial(_product, dense)
                yield Contender(f"{NAME} {dense.weights}", dense.bytes, prepare, _copies(dense))
        case Recurrence():
            yield Contender(NAME, 0, partial(_lstm, problem))
        case Network():
            return  # of GPUs
        case Encoder():
            for variant in PACKED:
                yield network(f"{NAME} {variant}", problem, partial(_packed, problem, variant))
        case _:
            assert_never(problem)


def _copies(problem: Product) -> int:
    return problem.copies(problem.bytes)


def _product(problem: Product) -> Callable[[int], Call]:
    canonical = weight(problem)
    linear, width = operation("linear", "default"), problem.outputs
    packed = [backend("cpu").repack(canonical) for _ in range(_copies(problem))]

    def prepare(rows: int) -> Call:
        x, activations = torch.randn(rows, problem.inputs), problem.activations
        if len(packed) == 1:
            return partial(linear, x, packed[0], None, width, activations)

        def call() -> None:
            for each in packed:
                linear(x, each, None, width, activations)

        return call

    return prepare


def _lstm(problem: Recurrence) -> Callable[[int], Call]:
    hidden = problem.hidden
    shape = (4 * hidden, hidden, problem.weights, problem.group, problem.activations, False)
    packed = [backend("cpu").repack(weight(Product(*shape))) for _ in range(2)]
    linear, lstm = operation("linear", "default"), operation("lstm", "default")
    bias = torch.randn(4 * hidden)

    def prepare(rows: int) -> Call:
        x, state = torch.randn(problem.steps, rows, hidden), torch.zeros(rows, hidden)
        w_ih, w_hh = packed

        def call() -> object:
            gates = linear(x, w_ih, bias, 4 * hidden, problem.activations)
            return lstm(gates, state, state, w_hh, None, problem.activations)

        return call

    return prepare


def _packed(problem: Encoder, variant: str) -> Run:
    """The program of the packed variant."""

    def make(path: Path) -> None:
        program = load_spec(problem.spec).variants[variant].program(seed=0)
        program.to_qat().freeze().pack(path)

    program = load(problem.file(f"{variant}.qpack", make))
    return lambda x: program(torch.from_numpy(x)).numpy()
