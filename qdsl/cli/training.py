"""Does what `qdsl train` says: runs the recipe, packs, and shows what came of it."""

import os
import re
import sys
import time
from argparse import Namespace
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path

import torch

from qdsl.artifact.schema import model_to_json
from qdsl.cli.output import report
from qdsl.cli.progress import Progress
from qdsl.cli.selection import open_variant
from qdsl.cli.terminal import print_table
from qdsl.cli.trainable import Trainable, open_trainable
from qdsl.diagnostic.model import QdslError, error
from qdsl.fx import Program
from qdsl.fx.restore import restore_frozen, save_frozen
from qdsl.recipes import teacher
from qdsl.spec import Spec
from qdsl.train import checkpoint
from qdsl.train.curve import Point, read_curve
from qdsl.train.fingerprint import fingerprint
from qdsl.train.replicas import Replicas, replicas
from qdsl.train.run import Run, train
from qdsl.train.task import Share

AVERAGED = 20
"""Losses of so many steps, at most a quarter, make the first and the last one of a stage."""


PATIENCE = 5.0
"""Seconds in which the launcher ends a process after the first one has failed."""


def train_variant(arguments: Namespace) -> int:
    """Runs the command; returns the exit status."""
    try:
        return _train_variant(arguments)
    except (QdslError, OSError):
        _leave_to_the_first()
        raise


def _leave_to_the_first() -> None:
    """Lets the first process alone tell what all of them find: torchrun then ends the others.

    One that lives on has found what the first has not, and tells it.
    """
    if os.environ.get("RANK", "0") != "0":
        time.sleep(PATIENCE)


def _train_variant(arguments: Namespace) -> int:
    spec, variant = open_variant(arguments.spec)
    device = _device(arguments.device) if arguments.device else None
    trainable = open_trainable(variant, arguments.data, arguments.task)
    for name in _teachers(trainable):
        _check_teacher(arguments, trainable, name)
    with replicas(device, sharded=arguments.shard) as group:
        if group.first:
            report(spec.diagnostics)
            if arguments.anew:
                _discard(arguments.out / variant.name)
        group.wait()
        return _train(arguments, spec, trainable, group)


def _device(name: str) -> torch.device:
    """Raises QdslError (Q744) where it is not there, or of a kind that nothing is trained on."""
    try:
        if re.fullmatch(r"cpu|cuda(:[0-9]+)?", name):
            device = torch.device(name)
            torch.empty(0, device=device)
            return device
    except (RuntimeError, AssertionError):
        pass
    message = f"there is no device `{name}` to train on"
    help = "leave out `--device`, or name `cpu`, `cuda` or `cuda:N`"
    raise QdslError([error("Q744", message, help=help)])


def _train(arguments: Namespace, spec: Spec, trainable: Trainable, group: Replicas) -> int:
    folder: Path = arguments.out / trainable.variant.name
    with closing(Progress(trainable.recipe.stages, quiet=not group.first)) as progress:
        run = Run(
            recipe=trainable.recipe,
            program=partial(trainable.variant.program, arguments.seed),
            task=trainable.open,
            loss=trainable.task.loss,
            folder=folder,
            identity=_identity(trainable, arguments.seed),
            seed=arguments.seed,
            variant=partial(_teacher, arguments.out, spec),
            replicas=group,
            save_every=arguments.save_every,
            watch=progress.step,
        )
        try:
            program = train(run)
        except KeyboardInterrupt:
            return _interrupted(run, progress)
    if group.first:
        if progress.last is None:
            print("nothing was left to train: `--anew` begins again")
        _finish(program, trainable, run)
    group.wait()
    return 0


def _finish(program: Program, trainable: Trainable, run: Run) -> None:
    """Writes the frozen weights and the packed file, and shows what they are worth."""
    variant, stages = trainable.variant, trainable.recipe.stages
    save_frozen(program, run.folder / f"{variant.name}.safetensors")
    packed = run.folder / f"{variant.name}.qpack"
    size = program.pack(packed)
    points = read_curve(run.curve)
    rows = [
        (s.name, str(s.steps), *_losses([p for p in points if p.stage == s.name])) for s in stages
    ]
    print_table(variant.label, ("stage", "steps", "first loss", "last loss"), rows)
    print(f"losses are means over {AVERAGED} steps, of short stages over a quarter")
    for name, value in trainable.open(stages[-1], Share()).evaluate(program).items():
        print(f"{name}: {value:.4g}")
    print(f"{packed}: {size:,} bytes")


def _losses(points: list[Point]) -> tuple[str, str]:
    """Means over the first and over the last steps of a stage; dashes where its curve is gone."""
    if not points:
        return "-", "-"
    count = max(1, min(AVERAGED, len(points) // 4))
    ends = points[:count], points[-count:]
    first, last = (f"{sum(p.loss for p in end) / count:.4g}" for end in ends)
    return first, last


def _interrupted(run: Run, progress: Progress) -> int:
    kept = checkpoint.find(run.checkpoints)
    if run.replicas.first:
        steps = kept.steps if kept else 0
        stage, step = progress.last or (run.recipe.stages[0].name, 0)
        where = f"behind step {step} of stage `{stage}`"
        message = f"interrupted {where}; the same command goes on behind step {steps} of all"
        print(message, file=sys.stderr)
    return 130


def _identity(trainable: Trainable, seed: int) -> str:
    """What is trained on what. Raises QdslError (Q731), OSError."""
    said = sha256(model_to_json(trainable.variant.model).encode())
    said.update(repr((trainable.recipe, sorted(trainable.options.items()), seed)).encode())
    files = trainable.kind.files(trainable.data, trainable.options)
    said.update(fingerprint(files).encode())
    return said.hexdigest()


def _discard(folder: Path) -> None:
    checkpoint.discard(folder / "checkpoint")
    (folder / "losses.jsonl").unlink(missing_ok=True)


# ---- teachers ----------------------------------------------------------------------------------


def _teachers(trainable: Trainable) -> list[str]:
    """The variants that stages learn from."""
    said = (s.distill for s in trainable.recipe.stages)
    return [t.name for t in said if isinstance(t, teacher.Variant)]


def _teacher(out: Path, spec: Spec, name: str) -> Program:
    return restore_frozen(spec.variants[name].program(), _frozen(out, name))


def _frozen(out: Path, name: str) -> Path:
    return out / name / f"{name}.safetensors"


def _check_teacher(arguments: Namespace, trainable: Trainable, name: str) -> None:
    """Raises QdslError (Q741) where the teacher has not been trained."""
    if _frozen(arguments.out, name).exists():
        return
    path = trainable.variant.label.partition("#")[0]
    name_of = trainable.variant.name
    message = f"`{name_of}` learns from the variant `{name}`, which is not in `{arguments.out}`"
    command = f"qdsl train {path}#{name} --data {arguments.data} --out {arguments.out}"
    raise QdslError([error("Q741", message, help=f"`{command}` makes it")])
