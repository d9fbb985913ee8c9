"""Times humming: 1 to 8 bits with bf16 activations; it compiles with nvcc as it runs."""

from collections.abc import Iterator
from functools import partial

import torch
from humming.layer import HummingLayer

from peers.gpu import device
from peers.problem import Contender, Problem, Product

FAR = {8: 0.05, 4: 0.3, 2: 0.9, 1: 0.9}
"""It rounds weights itself: how far from them results may be, by bits."""


def start(threads: int) -> dict[str, str]:
    return device.start("humming-kernels")


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if not isinstance(problem, Product) or problem.activations != "bf16":
        return
    dense = torch.randn(problem.outputs, problem.inputs, device=device.DEVICE, dtype=torch.bfloat16)
    yield device.product(
        "humming",
        problem,
        problem.bytes,
        partial(_layer, problem, dense),
        lambda x, layer: layer(x),
        dense=lambda: dense,
        tolerance=FAR[problem.bits],
    )


def _layer(problem: Product, dense: torch.Tensor) -> HummingLayer:
    config = {"dtype": f"int{problem.bits}"}
    if problem.group:
        config["group_size"] = problem.group
    layer = HummingLayer(
        shape_n=problem.outputs,
        shape_k=problem.inputs,
        weight_config=config,
        torch_dtype=torch.bfloat16,
    ).to(device.DEVICE)
    layer.load_from_unquantized(dense)
    layer.transform()
    return layer
