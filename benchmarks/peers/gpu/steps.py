"""Runs steps of training on random inputs: forward in bf16, backward, optimizer."""

import time
from collections.abc import Callable

import torch

from peers.gpu import device
from peers.problem import Call, Training
from qdsl import load_spec
from qdsl.bench.given import random_inputs, sizes_of
from qdsl.fx import Program

STEPS = 1 if device.DRY else 5
"""In a turn; what the processor does between launches is in their time, as it is in training."""


def step_of(problem: Training, variant: str) -> Callable[[int], Call]:
    """What makes the call that measures the seconds of a step with so many examples."""
    program = load_spec(problem.spec).variants[variant].program(seed=0).to(device.DEVICE)
    if variant != problem.floats:
        program = program.to_qat()
    optimizer = torch.optim.AdamW(program.train().parameters(), lr=1e-4, fused=True)

    def begin(rows: int) -> Call:
        x = _inputs(program, problem, rows)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            with torch.enable_grad():
                with torch.autocast(device.DEVICE.type, torch.bfloat16):
                    loss = program(*x).float().square().mean()
                loss.backward()
            optimizer.step()

        step()  # compiles, and makes what the optimizer keeps
        return lambda: _seconds(step)

    return begin


def _inputs(program: Program, problem: Training, rows: int) -> list[torch.Tensor | None]:
    entry = program.ir.entries[0]
    sizes = sizes_of(entry, {**dict(problem.sizes), "B": rows})
    given = random_inputs(program.ir, entry, sizes)
    return [x if x is None else x.to(device.DEVICE) for x in given]


def _seconds(step: Callable[[], None]) -> float:
    _wait()
    begin = time.perf_counter()
    for _ in range(STEPS):
        step()
    _wait()
    return (time.perf_counter() - begin) / STEPS


def _wait() -> None:
    if not device.DRY:
        torch.cuda.synchronize()
