"""Runs an entry of a program on random inputs, captured as a graph of the GPU."""

from collections.abc import Callable
from functools import partial

import torch

from peers.gpu import device
from peers.problem import Call, Network
from qdsl.bench.given import random_inputs, sizes_of
from qdsl.fx import Program


def run_of(program: Program, problem: Network) -> Callable[[int], Call]:
    """What makes the call that measures the seconds of the first entry for so many examples."""
    entry = program.ir.entries[0]
    dtype = next((p.dtype for p in program.parameters() if p.is_floating_point()), torch.float32)

    def begin(rows: int) -> Call:
        sizes = sizes_of(entry, {**dict(problem.sizes), "B": rows})
        given = [
            x if x is None else x.to(device.DEVICE, dtype if x.is_floating_point() else x.dtype)
            for x in random_inputs(program.ir, entry, sizes)
        ]
        run = partial(program.entry(entry.name), *given)

        def call() -> None:
            # what a graph computes from sizes is f32, and is rounded where it meets bf16 weights
            with torch.autocast(device.DEVICE.type, dtype, enabled=dtype is torch.bfloat16):
                run()

        return device.clocked([call])

    return begin
