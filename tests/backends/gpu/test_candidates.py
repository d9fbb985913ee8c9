"""Runs products with every candidate of a tuner: what is tried gives the same numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from qdsl.fx import reference
from qdsl_gpu.dispatch import trial
from qdsl_gpu.task import Task
from qdsl_gpu.tiles import Tiles
from qdsl_gpu.tuner import Tuner

pytest.importorskip("triton")
from qdsl_gpu import operations

Make = Callable[..., Any]


@pytest.mark.parametrize("word", ["f32", "int8_token"])
@pytest.mark.parametrize("tokens", [1, 20])
def test_every_candidate_is_right(word: str, tokens: int, formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats["int4-g128"], 128, 256)
    x = torch.randn(tokens, 256)
    exact = reference.linear(x, weight.reference, None, 128, word)
    results, tried = [], set()

    def call() -> None:
        results.append(operations.linear(x, weight.packed, None, 128, word))

    def clock(calls: Any) -> float:
        calls[0]()
        return 1.0

    def refuses(task: Task, tiles: Tiles) -> bool:
        # the interpreter has neither warps nor stages
        known = tiles.tokens, tiles.rows, tiles.splits
        return known in tried or tried.add(known) is not None

    (found,) = Tuner(clock, refuses).rows([call])
    assert found.tiles == found.task.usual(tokens)
    assert len(results) > (3 if word == "f32" else 2)
    for y in results:
        if word == "int8_token":
            assert torch.equal(y, exact)
        assert torch.allclose(y, exact, rtol=1e-4, atol=1e-5)


def test_a_trial_reaches_the_kernel(formats: Any, make_weight: Make) -> None:
    weight = make_weight(formats["int4"], 128, 256)
    x = torch.randn(3, 256)
    with trial({}) as heard:
        operations.linear(x, weight.packed, None, 128, "f32")
    ((task, tokens),) = heard.asked.items()
    assert (task.kernel, task.planes, tokens) == ("linear_float", 3, 3)
    assert task.layout == operations.read(weight.packed).layout
