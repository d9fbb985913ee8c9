"""Times what torch has: bf16 and int8 products of cuBLAS, tinygemm for int4, whole networks."""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from peers.gpu import device
from peers.gpu.networks import run_of
from peers.problem import Call, Contender, Network, Problem, Product
from qdsl import load_spec


def start(threads: int) -> dict[str, str]:
    return device.start()


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    match problem:
        case Product():
            yield from _products(problem)
        case Network():
            for dtype in (torch.float32, torch.bfloat16):
                name = f"torch {str(dtype).removeprefix('torch.')}"
                yield Contender(name, 0, partial(_network, problem, dtype), own_clock=True)
        case _:
            return


def _products(problem: Product) -> Iterator[Contender]:
    shape = problem.outputs, problem.inputs
    elements = problem.outputs * problem.inputs

    def dense() -> Tensor:
        return torch.randn(shape, device=device.DEVICE, dtype=torch.bfloat16)

    yield device.product("cuBLAS bf16", problem, 2 * elements, dense, F.linear)
    if problem.activations == "int8_token" and problem.bits == 8:
        yield _int8(problem)
    if problem.weights == "int4" and problem.group in (32, 64, 128, 256):
        codes = partial(device.coded, problem)
        yield device.product(
            "tinygemm",
            problem,
            elements / 2 * (1 + 8 / problem.group),
            lambda: _tinygemm(problem, *codes()[:2]),
            lambda x, w: torch.ops.aten._weight_int4pack_mm(x, w[0], problem.group, w[1]),
            dense=lambda: codes()[2],
        )


def _int8(problem: Product) -> Contender:
    """The product alone: x is codes already, and sums are what comes out."""

    def make() -> Tensor:
        shape = (problem.outputs, problem.inputs)
        return torch.randint(-127, 128, shape, device=device.DEVICE, dtype=torch.int8)

    @lru_cache(1)
    def codes(rows: int) -> Tensor:
        shape = (max(rows, 17), problem.inputs)  # the least that cuBLAS takes
        return torch.randint(-127, 128, shape, device=device.DEVICE, dtype=torch.int8)

    def multiply(x: Tensor, weight: Tensor) -> Tensor:
        return torch._int_mm(codes(len(x)), weight.t())

    bytes = problem.outputs * problem.inputs
    return device.product("cuBLAS int8 alone", problem, bytes, make, multiply)


def _tinygemm(problem: Product, codes: Tensor, scales: Tensor) -> tuple[Tensor, Tensor]:
    """Packed codes, and scales with what is added: (q - 8) · s + z."""
    packed = torch.ops.aten._convert_weight_to_int4pack(codes[:, ::2] << 4 | codes[:, 1::2], 8)
    return packed, torch.stack([scales, torch.zeros_like(scales)], 2).transpose(0, 1).contiguous()


def _network(problem: Network, dtype: torch.dtype) -> Callable[[int], Call]:
    variant = load_spec(problem.spec).variants[problem.floats]
    program: Any = variant.program(seed=0).eval().to(device.DEVICE, dtype)
    return run_of(program, problem)
