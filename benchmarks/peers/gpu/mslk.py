"""Times mslk: int4 in groups of 128 with bf16 activations, weights shuffled for its kernels."""

from collections.abc import Iterator
from functools import partial

import mslk.gemm  # noqa: F401 - defines the operations
import torch
from mslk.quantize.shuffle import quantize_int4_preshuffle

from peers.gpu import device
from peers.problem import Contender, Problem, Product


def start(threads: int) -> dict[str, str]:
    return device.start("mslk-cuda")


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if not isinstance(problem, Product):
        return
    if (problem.weights, problem.activations) != ("int4", "bf16") or problem.group != 128:
        return
    shape = problem.outputs, problem.inputs
    dense = torch.randn(shape, device=device.DEVICE, dtype=torch.bfloat16)
    yield device.product(
        "mslk",
        problem,
        problem.bytes,
        partial(_shuffled, dense),
        lambda x, w: torch.ops.mslk.bf16i4bf16_shuffled(x, *w),
        dense=lambda: dense,
        tolerance=0.3,
    )


def _shuffled(dense: torch.Tensor) -> tuple[torch.Tensor, ...]:
    codes, (scales, zeros) = quantize_int4_preshuffle(dense, dtype="bf16")
    return codes, scales, zeros
