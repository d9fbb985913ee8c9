"""Gives programs of integer arithmetic, trained for a few steps, of the spec in this folder."""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from qdsl import Spec, load_spec
from qdsl.fx import Program

Inputs = Mapping[str, tuple[Tensor, ...]]
VARIANTS = (
    "elementwise elementwise_polynomial shaping products products_polynomial products_low"
    " attention attention_polynomial"
).split()


class Trained(NamedTuple):
    """A float program, the same after three steps of training in integers, what both are given."""

    program: Program
    quantized: Program
    inputs: Inputs
    bytes: int


@cache
def _spec() -> Spec:
    return load_spec(Path(__file__).parent / "everything.qspec")


def _inputs(model: str) -> Inputs:
    generator = torch.Generator().manual_seed(1)

    def random(*shape: int) -> Tensor:
        return torch.randn(shape, generator=generator)

    def below(limit: int, *shape: int) -> Tensor:
        return torch.randint(limit, shape, generator=generator)

    match model:
        case "elementwise":
            return {"run": (random(2, 5, 12), torch.tensor([5, 3]))}
        case "shaping":
            # states have the range of what they are made of
            past = random(2, 9, 8) / 10
            run = (random(2, 6, 8), past, torch.tensor(2), below(8, 2, 6, 8))
            return {"run": run, "reduce": (random(2, 7, 8),)}
        case "products":
            recur = (below(11, 2, 6), random(2, 8).tanh(), random(2, 8))
            return {"convolve": (random(2, 9, 8),), "recur": recur}
        case _:
            keep = torch.arange(6) < torch.tensor([[6], [4]])
            return {"run": (random(2, 6, 16), random(2, 4, 16), keep)}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    """Each variant of the spec."""
    name: str = request.param
    return name


@pytest.fixture
def trained() -> Callable[[str], Trained]:
    """The program of a variant."""

    def make(name: str) -> Trained:
        inputs, variant = _inputs(name.partition("_")[0]), _spec().variants[name]
        program = variant.program()
        quantized = program.to_qat().train()
        for _ in range(3):
            for entry, given in inputs.items():
                quantized.entry(entry)(*given)
        return Trained(program.eval(), quantized, inputs, variant.size().total_bytes)

    return make
