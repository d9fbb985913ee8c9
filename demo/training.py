"""Trains the float recognizer once, and fine-tunes each variant from it."""

from collections.abc import Callable
from pathlib import Path

import torch

from demo.plan import FLOAT_VARIANT, SPEC, Plan
from qdsl import load_spec
from qdsl.fx import Program
from qdsl.tasks.asr.recordings import find_recordings
from qdsl.tasks.asr.stages import job
from qdsl.train import checkpoint
from qdsl.train.loop import Stage, train

Progress = Callable[[int, float], None]


def train_base(plan: Plan, progress: Progress) -> None:
    """The float training, resumed where a run before was broken off."""
    program = load_spec(SPEC).variants[FLOAT_VARIANT].program(seed=0)
    _train(program, plan, plan.float_stage, plan.base, progress)


def fine_tune(plan: Plan, variant: str, progress: Progress) -> None:
    """Trains a variant as it will be packed, freezes it and packs it."""
    program = trained(plan, variant, fresh=True)
    _train(program, plan, plan.fine_tune, plan.checkpoint(variant), progress)
    program.freeze()
    checkpoint.save(plan.checkpoint(variant), {"program": program.state_dict()})
    program.pack(plan.packed(variant))


def trained(plan: Plan, variant: str, *, fresh: bool = False) -> Program:
    """The QAT program of a variant: `fresh` from the float weights, else as it was frozen."""
    program = load_spec(SPEC).variants[variant].program()
    program.load_state_dict(checkpoint.load(plan.base)["model"])
    program = program.to_qat()
    if not fresh:
        program.freeze()  # makes the fields that the frozen state fills
        program.load_state_dict(checkpoint.load(plan.checkpoint(variant))["program"])
    return program.eval()


def float_program(plan: Plan) -> Program:
    """The float graph with the fine-tuned float weights: what all variants are compared with."""
    return trained(plan, FLOAT_VARIANT)


def _train(program: Program, plan: Plan, stage: Stage, path: Path, progress: Progress) -> None:
    torch.set_num_threads(torch.get_num_threads())
    train(job(program, find_recordings(plan.data), stage, path=path, progress=progress))
