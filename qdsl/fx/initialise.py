"""Gives parameters their first values, each from a seed of its own path."""

import math
import re
from hashlib import sha256

import torch
from torch import Tensor, nn

from qdsl.fx.program import Program
from qdsl.ir.model import Parameter, state_key


@torch.no_grad()
def initialise(program: Program, seed: int = 0) -> None:
    """Sets every parameter and statistic; a layer more or less changes no other's values."""
    tensors = {**dict(program.named_parameters()), **dict(program.named_buffers())}
    for storage in program.ir.storages:
        digest = sha256(f"{seed}:{storage.path}".encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
        value = initial(storage.parameter, generator)
        tensors[state_key(storage.path)].copy_(value)


def initial(parameter: Parameter, generator: torch.Generator) -> Tensor:
    """Values f32 of the parameter's shape.

    `uniform(n)` of a whole n is ±1/sqrt(n), n the inputs of one output; `uniform(0.1)` is ±0.1,
    `normal(0.02)` has that deviation and `normal` 1, `constant(0.5)` is that number. `xavier` is
    uniform in ±sqrt(6 / (outputs + K)) (Glorot and Bengio 2010), `orthogonal` has orthonormal rows
    or columns (arXiv 1312.6120). Raises ValueError for another word.
    """
    value = torch.empty(parameter.shape)
    outputs, inputs = parameter.matrix
    if match := re.fullmatch(r"uniform\((\d+)\)", parameter.init):
        bound = 1 / math.sqrt(int(match[1]))
        return value.uniform_(-bound, bound, generator=generator)
    if match := re.fullmatch(r"(uniform|normal|constant)\((.+)\)", parameter.init):
        return _with_number(match[1], float(match[2]), value, generator)
    match parameter.init:
        case "zeros":
            return value.zero_()
        case "ones":
            return value.fill_(1)
        case "normal":
            return value.normal_(generator=generator)
        case "xavier":
            bound = math.sqrt(6 / (outputs + inputs))
            return value.uniform_(-bound, bound, generator=generator)
        case "orthogonal":
            matrix = torch.empty(outputs, inputs)
            return nn.init.orthogonal_(matrix, generator=generator).view(parameter.shape)
        case word:
            raise ValueError(f"initial values `{word}`")


def _with_number(word: str, number: float, value: Tensor, generator: torch.Generator) -> Tensor:
    match word:
        case "uniform":
            return value.uniform_(-number, number, generator=generator)
        case "normal":
            return value.normal_(0.0, number, generator=generator)
        case _:
            return value.fill_(number)
