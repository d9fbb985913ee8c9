"""Times torchao: int4 and int8 weights with bf16 activations, int8 with dynamic int8 ones."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torchao.quantization import (
    Int4WeightOnlyConfig,
    Int8DynamicActivationInt8WeightConfig,
    Int8WeightOnlyConfig,
    quantize_,
)

from peers.gpu import device
from peers.problem import Contender, Problem, Product

FAR = {8: 0.05, 4: 0.3}


def start(threads: int) -> dict[str, str]:
    return device.start("torchao")


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if not isinstance(problem, Product) or (config := _config(problem)) is None:
        return
    shape = problem.outputs, problem.inputs
    dense = torch.randn(shape, device=device.DEVICE, dtype=torch.bfloat16)
    yield device.product(
        "torchao",
        problem,
        problem.bytes,
        partial(_layer, dense, config),
        lambda x, layer: layer(x),
        dense=lambda: dense,
        tolerance=FAR[problem.bits],
    )


def _config(problem: Product) -> Any:
    match problem.weights, problem.activations:
        case "int4", "bf16" if problem.group:
            return Int4WeightOnlyConfig(group_size=problem.group)
        case "int8", "bf16" if not problem.group:
            return Int8WeightOnlyConfig()
        case "int8", "int8_token" if not problem.group:
            return Int8DynamicActivationInt8WeightConfig()
        case _:
            return None


def _layer(dense: torch.Tensor, config: Any) -> torch.nn.Module:
    outputs, inputs = dense.shape
    layer = torch.nn.Linear(inputs, outputs, bias=False, device=device.DEVICE, dtype=torch.bfloat16)
    layer.weight.data.copy_(dense)
    quantize_(layer, config)
    return layer
