"""Makes a step of a training."""

import torch

from qdsl.fx import decay_pruned


def step(program, *inputs, decay=0.0):
    for p in program.parameters():
        p.grad = None
    program(*inputs).square().sum().backward()
    if decay:
        decay_pruned(program, decay)
    with torch.no_grad():
        for p in program.parameters():
            p -= 0.02 * p.grad.sign()
