"""Trains the float recognizer once, and fine-tunes each variant from it."""

import os
from collections.abc import Callable
from pathlib import Path

import torch

from demo.plan import FLOAT_VARIANT, SPEC, Plan
from qdsl import load_spec
from qdsl.fx import Program
from qdsl.fx.restore import restore_frozen, save_frozen
from qdsl.recipes.loss import Rnnt
from qdsl.recipes.model import Recipe, Stage
from qdsl.tasks.asr.corpus import Digits
from qdsl.tasks.asr.entries import prediction_of
from qdsl.tasks.asr.recordings import find_recordings
from qdsl.tasks.asr.stages import BINS
from qdsl.tasks.asr.training import AsrTask
from qdsl.train import checkpoint
from qdsl.train.run import Run, train
from qdsl.train.steps import MODEL, part
from qdsl.train.task import Share

Progress = Callable[[int, float], None]


def train_base(plan: Plan, progress: Progress) -> None:
    """The float training on all cores, resumed where a run before was broken off."""
    torch.set_num_threads(os.cpu_count() or 1)
    identity = plan.identity(FLOAT_VARIANT, plan.float_stage)
    program = load_spec(SPEC).variants[FLOAT_VARIANT].program
    _train(program, plan, plan.float_stage, plan.base, identity, progress)


def fine_tune(plan: Plan, variant: str, progress: Progress) -> None:
    """Trains a variant from the float weights as it will be packed, freezes it and packs it."""
    identity = plan.identity(
        variant, plan.fine_tune, plan.base / "checkpoint" / "state.safetensors"
    )
    program = _train(
        lambda: _from_base(plan, variant),
        plan,
        plan.fine_tune,
        plan.fine_tuned(variant),
        identity,
        progress,
    )
    save_frozen(program, plan.frozen(variant))
    program.pack(plan.packed(variant))


def trained(plan: Plan, variant: str) -> Program:
    """The QAT program of a variant as it was frozen."""
    return restore_frozen(load_spec(SPEC).variants[variant].program(), plan.frozen(variant))


def _from_base(plan: Plan, variant: str) -> Program:
    program = load_spec(SPEC).variants[variant].program()
    state = checkpoint.load_state(plan.base / "checkpoint")
    program.load_state_dict(part(state, MODEL))
    return program


def _train(
    program: Callable[[], Program],
    plan: Plan,
    stage: Stage,
    folder: Path,
    identity: str,
    progress: Progress,
) -> Program:
    """The stage alone; a folder of another training, of another scale, is begun anew."""
    recordings = find_recordings(plan.data)
    prediction = prediction_of(load_spec(SPEC).variants[FLOAT_VARIANT].model)
    kept = checkpoint.find(folder / "checkpoint")
    if kept and kept.identity != identity:
        checkpoint.discard(folder / "checkpoint")

    def task(stage: Stage, share: Share) -> AsrTask:
        return AsrTask(Digits(recordings, BINS, stage.batch, stage.seed, share), prediction)

    return train(
        Run(
            recipe=Recipe(stage.name, None, (stage,)),
            program=program,
            task=task,
            loss=Rnnt(),
            folder=folder,
            identity=identity,
            watch=lambda stage, step, loss: progress(step, loss),
        )
    )
