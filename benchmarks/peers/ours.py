"""Times the operations of `qdsl::` through torch's dispatcher, as a packed graph calls them."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from typing import assert_never

import torch
from torch import Tensor

from peers.problem import Call, Contender, Encoder, Problem, Product, Recurrence, Run, network
from qdsl import load, load_spec
from qdsl.fx.ops import backend, operation
from qdsl.ir.format import (
    BinaryGrid,
    FloatType,
    Grid,
    IntegerGrid,
    PerChannel,
    PerGroup,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import NM, Dense
from qdsl.target import CanonicalWeight
from qdsl_cpu.backend import isa

NAME = "qdsl"
PACKED = ("int4", "int8")  # variants of the encoder
GRIDS: dict[str, Grid] = {
    **{f"int{bits}": IntegerGrid(bits) for bits in (2, 3, 4, 8)},
    "ternary": TernaryGrid(),
    "binary": BinaryGrid(),
}


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
            if problem.weights.endswith("2:4"):
                dense = _dense(problem)
                prepare = partial(_product, dense)
                yield Contender(f"{NAME} {dense.weights}", dense.bytes, prepare, _copies(dense))
        case Recurrence():
            yield Contender(NAME, 0, partial(_lstm, problem))
        case Encoder():
            for variant in PACKED:
                yield network(f"{NAME} {variant}", problem, partial(_packed, problem, variant))
        case _:
            assert_never(problem)


def _dense(problem: Product) -> Product:
    weights = problem.weights.removesuffix("_2:4")
    return Product(
        problem.outputs,
        problem.inputs,
        weights,
        problem.group,
        problem.activations,
        problem.rotate,
    )


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


def weight(problem: Product) -> CanonicalWeight:
    """Random codes in the layout of an artifact."""
    word, _, sparse = problem.weights.partition("_")
    format = WeightFormat(
        word,
        GRIDS[word],
        PerGroup(problem.group) if problem.group else PerChannel(),
        FloatType.F16 if problem.group else FloatType.F32,
        pattern=NM(2, 4) if sparse else Dense(),
    )
    kept = problem.inputs // 2 if sparse else problem.inputs
    groups = problem.inputs // problem.group if problem.group else 1
    scales = (torch.rand(problem.outputs, groups) + 0.5) / 100
    return CanonicalWeight(
        format=format,
        outputs=problem.outputs,
        in_features=problem.inputs,
        codes=_codes(word, problem.outputs, kept * problem.bits // 8),
        scales=scales.half() if problem.group else scales,
        zeros=None,
        index=_index(problem.outputs, problem.inputs) if sparse else None,
    )


def _codes(word: str, rows: int, row_bytes: int) -> Tensor:
    if word == "int8":  # -128 is no code of it
        return torch.randint(-127, 128, (rows, row_bytes), dtype=torch.int8).view(torch.uint8)
    if word == "ternary":
        legal = torch.tensor(
            [a | b << 2 | c << 4 | d << 6 for a in T for b in T for c in T for d in T]
        )
        return legal[torch.randint(len(legal), (rows, row_bytes))].to(torch.uint8)
    return torch.randint(256, (rows, row_bytes), dtype=torch.uint8)


T = (0, 1, 3)  # 0, 1 and -1 in two bits


def _index(rows: int, inputs: int) -> Tensor:
    """Positions of two in each four, two bits each, ascending."""
    pairs = [low | high << 2 for low, high in combinations(range(4), 2)]
    legal = torch.tensor([a | b << 4 for a in pairs for b in pairs], dtype=torch.uint8)
    return legal[torch.randint(len(legal), (rows, inputs // 8))]
