"""Times gemlite: 8, 4, 2 and 1 bits with bf16 activations; dynamic int8 with weights of 8 bits."""

from collections.abc import Iterator

import gemlite
import torch
from gemlite.helper import A8W8_INT8_dynamic

from peers.gpu import device
from peers.problem import Contender, Problem, Product

WEIGHTS = ("int8", "int4", "int2", "binary")


def start(threads: int) -> dict[str, str]:
    return device.start("gemlite")


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    if not isinstance(problem, Product) or problem.weights not in WEIGHTS:
        return
    if problem.activations == "bf16":
        dense = lambda: device.coded(problem)[2]  # noqa: E731
        make = lambda: _packed(problem)  # noqa: E731
        yield device.product("gemlite", problem, problem.bytes, make, _multiply, dense=dense)
    elif problem.bits == 8:
        yield device.product(
            "gemlite", problem, problem.bytes, lambda: _dynamic(problem), _multiply
        )


def _multiply(x: torch.Tensor, layer: torch.nn.Module) -> torch.Tensor:
    y: torch.Tensor = layer(x)
    return y


def _packed(problem: Product) -> torch.nn.Module:
    codes, scales, _ = device.coded(problem)
    layer = gemlite.GemLiteLinear(
        problem.bits,
        group_size=problem.group or problem.inputs,
        in_features=problem.inputs,
        out_features=problem.outputs,
        input_dtype=gemlite.DType.BF16,
        output_dtype=gemlite.DType.BF16,
        scaled_activations=False,
    )
    layer.pack(codes, scales, torch.full_like(scales, device.middle(problem)), None)
    return layer


def _dynamic(problem: Product) -> torch.nn.Module:
    linear = torch.nn.Linear(
        problem.inputs, problem.outputs, bias=False, device=device.DEVICE, dtype=torch.bfloat16
    )
    made: torch.nn.Module = A8W8_INT8_dynamic(device=str(device.DEVICE)).from_linear(linear)
    return made
