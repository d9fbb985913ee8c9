"""Times torch's own products: float, bfloat16, dynamic int8, and int4 with bfloat16 activations."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from peers.problem import Call, Contender, Encoder, Problem, Product, Recurrence, Run, network
from qdsl import load_spec

ENGINES = ("fbgemm", "onednn")


def start(threads: int) -> dict[str, str]:
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    return {"torch": torch.__version__}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if isinstance(problem, Recurrence):
        yield Contender("torch f32", 0, partial(_lstm, problem))
        return
    if isinstance(problem, Encoder):
        yield network("torch f32", problem, partial(_encoder, problem))
        return
    elements = problem.outputs * problem.inputs
    for dtype, name in ((torch.float32, "f32"), (torch.bfloat16, "bf16")):
        size = dtype.itemsize * elements
        yield _contender(f"torch {name}", problem, size, partial(_dense, dtype), dtype)
    if problem.bits == 8:
        for engine in ENGINES:
            yield _contender(f"torch int8 {engine}", problem, elements, partial(_dynamic, engine))
    if problem.weights == "int4" and problem.inputs % max(problem.group, 32) == 0:
        yield _contender("torch int4", problem, elements // 2, _int4, torch.bfloat16)


Made = tuple[Any, Callable[[Tensor, Any], Tensor]]  # a weight, and the product with it


def _contender(
    name: str,
    problem: Product,
    bytes: int,
    make: Callable[[Product], Made],
    dtype: torch.dtype = torch.float32,
) -> Contender:
    copies = problem.copies(bytes)

    def prepare() -> Callable[[int], Call]:
        made = [make(problem) for _ in range(copies)]

        def start(rows: int) -> Call:
            x = torch.randn(rows, problem.inputs).to(dtype)

            def call() -> None:
                for weight, product in made:
                    product(x, weight)

            return call

        return start

    return Contender(name, bytes, prepare, copies)


def _dense(dtype: torch.dtype, problem: Product) -> Made:
    return torch.randn(problem.outputs, problem.inputs, dtype=dtype), F.linear


def _dynamic(engine: str, problem: Product) -> Made:
    torch.backends.quantized.engine = engine  # of the prepacked weight, and of its products
    weight = torch.randn(problem.outputs, problem.inputs)
    scales, zeros = torch.full((problem.outputs,), 0.03), torch.zeros(problem.outputs).long()
    codes = torch.quantize_per_channel(weight, scales, zeros, 0, torch.qint8)
    return torch.ops.quantized.linear_prepack(codes, None), torch.ops.quantized.linear_dynamic


def _int4(problem: Product) -> Made:
    group = problem.group or 128
    codes = torch.randint(16, (problem.outputs, problem.inputs), dtype=torch.int32)
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 1)
    scales = torch.rand(problem.inputs // group, problem.outputs, 2).bfloat16() / 100
    multiply = torch.ops.aten._weight_int4pack_mm_for_cpu
    return packed, lambda x, weight: multiply(x, weight, group, scales)


def _lstm(problem: Recurrence) -> Callable[[int], Call]:
    module = torch.nn.LSTM(problem.hidden, problem.hidden)
    return lambda rows: partial(module, torch.randn(problem.steps, rows, problem.hidden))


def _encoder(problem: Encoder) -> Run:
    """The float variant, as modules and functions of torch, without packing or compiling."""
    program = load_spec(problem.spec).variants["float"].program(seed=0).eval()
    return lambda x: program(torch.from_numpy(x)).numpy()
