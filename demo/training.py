"""Trains the float recognizer once, and fine-tunes each variant from it."""

from collections.abc import Callable
from pathlib import Path

import torch

from demo.plan import FLOAT_VARIANT, SPEC, Plan
from qdsl import load_spec
from qdsl.fx import Program
from qdsl.fx.restore import restore_frozen, save_frozen
from qdsl.tasks.asr.data import batches
from qdsl.tasks.asr.objective import transducer
from qdsl.tasks.asr.recordings import TRAINING_SPEAKERS, find_recordings
from qdsl.tasks.asr.stages import BINS, WORDS
from qdsl.train import checkpoint, replicas
from qdsl.train.loop import Job, Stage, train

Progress = Callable[[int, float], None]


def train_base(plan: Plan, replica: int, count: int, progress: Progress) -> None:
    """One of `count` processes of the float training, resumed where a run before was broken off."""
    torch.set_num_threads(1)
    program = load_spec(SPEC).variants[FLOAT_VARIANT].program(seed=0)
    replicas.join_replicas(str(plan.meeting), replica, count)
    try:
        identity = plan.identity(FLOAT_VARIANT, plan.float_stage)
        _train(program, plan, plan.float_stage, plan.base, identity, progress)
    finally:
        replicas.leave_replicas()


def fine_tune(plan: Plan, variant: str, progress: Progress) -> None:
    """Trains a variant from the float weights as it will be packed, freezes it and packs it."""
    program = _from_base(plan, variant).to_qat()
    identity = plan.identity(variant, plan.fine_tune, plan.base)
    _train(program, plan, plan.fine_tune, plan.checkpoint(variant), identity, progress)
    save_frozen(program, plan.frozen(variant))
    program.pack(plan.packed(variant))


def trained(plan: Plan, variant: str) -> Program:
    """The QAT program of a variant as it was frozen."""
    return restore_frozen(load_spec(SPEC).variants[variant].program(), plan.frozen(variant))


def _from_base(plan: Plan, variant: str) -> Program:
    program = load_spec(SPEC).variants[variant].program()
    program.load_state_dict(checkpoint.load(plan.base)["model"])
    return program


def _train(
    program: Program, plan: Plan, stage: Stage, path: Path, identity: str, progress: Progress
) -> None:
    recordings = find_recordings(plan.data)
    seed = stage.seed * replicas.count() + replicas.rank()  # each replica hears other batches
    train(
        Job(
            model=program,
            batches=lambda start: batches(
                recordings, TRAINING_SPEAKERS, bins=BINS, words=WORDS, seed=seed, start=start
            ),
            loss=transducer,
            stage=stage,
            path=path,
            identity=identity,
            progress=progress,
        )
    )
