"""Trains, rounds and scores one row of the table of techniques (`digits.py`)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from qdsl import load_spec
from qdsl.fx import Program
from qdsl.recipes.loss import Rnnt
from qdsl.recipes.model import Recipe, Stage
from qdsl.recipes.schedule import Cosine
from qdsl.recipes.tasks.asr import Asr, Fbank
from qdsl.replacing import replacing
from qdsl.tasks.asr.data import Batch, Utterance, evaluation_set
from qdsl.tasks.asr.evaluation import Evaluation, evaluate
from qdsl.tasks.asr.noise import Noise
from qdsl.tasks.asr.recordings import HELD_OUT_SPEAKER, find_recordings
from qdsl.tasks.asr.training import AsrTask, open_task
from qdsl.train import checkpoint
from qdsl.train.run import Run, train
from qdsl.train.steps import MODEL, part
from qdsl.train.task import Request, Share

SPEC = Path(__file__).resolve().parent / "digits.qspec"
BINS = 40
TASK = Asr(Rnnt(), Fbank(BINS))
FLOAT = "float"
BASE_STEPS, BASE_BATCH = 7000, 16
TUNE_STEPS = 800
CALIBRATION = 16
"""Batches that error compensation sees."""
NOISE = Noise("babble", 12.0)

Method = Literal["trained", "rounded", "compensated"]


@dataclass(frozen=True, slots=True)
class Row:
    """A variant: trained as it will be packed, or rounded or compensated without training.

    `seed` is that of the float training before it.
    """

    variant: str
    method: Method = "trained"
    seed: int = 0

    @property
    def name(self) -> str:
        method = "" if self.method == "trained" else f"-{self.method}"
        return f"{self.variant}{method}-{self.seed}"


@dataclass(frozen=True, slots=True)
class Heard:
    """Errors and words of each utterance, and nats per label."""

    errors: tuple[int, ...]
    words: tuple[int, ...]
    loss: float


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a row: in silence, in noise, and how large its file is."""

    row: Row
    formats: str
    bytes: int
    clean: Heard
    noisy: Heard


@dataclass(frozen=True, slots=True)
class Place:
    """Where recordings are, and where rows are kept."""

    data: Path | None
    out: Path
    scale: float = 1.0

    def steps(self, steps: int) -> int:
        return max(20, round(steps * self.scale))


def base(place: Place, seed: int) -> None:
    """Trains the float model of a seed, resumed where it was broken off."""
    torch.set_num_threads(1)
    steps = place.steps(BASE_STEPS)
    rate = Cosine(2e-3, warmup=min(100, steps // 2), final=2e-5)
    stage = Stage("float", steps, rate, batch=BASE_BATCH, seed=seed)
    _train(place, FLOAT, stage, _base_folder(place, seed), partial(_fresh, seed))


def measure(place: Place, row: Row) -> None:
    """Makes a row and keeps its result; one that is there stays."""
    torch.set_num_threads(1)
    kept = place.out / "rows" / f"{row.name}.json"
    if kept.exists():
        return
    program = _made(place, row).freeze().eval()
    variant = load_spec(SPEC).variants[row.variant]
    model = variant.model
    result = Result(
        row,
        str(model.storage("encoder.lstm.weight_ih").format),
        variant.size().total_bytes,
        _heard(evaluate(program, _test(place.data, None))),
        _heard(evaluate(program, _test(place.data, NOISE))),
    )
    kept.parent.mkdir(parents=True, exist_ok=True)
    with replacing(kept) as file:
        file.write(json.dumps(asdict(result)).encode())


def read(place: Place, row: Row) -> Result:
    found = json.loads((place.out / "rows" / f"{row.name}.json").read_text())
    clean, noisy = (
        Heard(tuple(h["errors"]), tuple(h["words"]), h["loss"])
        for h in (found["clean"], found["noisy"])
    )
    return Result(Row(**found["row"]), found["formats"], found["bytes"], clean, noisy)


# ---- training ----------------------------------------------------------------------------------


def _made(place: Place, row: Row) -> Program:
    match row.method:
        case "trained":
            return _tuned(place, row.variant, row.seed)
        case "rounded":
            return _from(place, row).to_qat()
        case "compensated":
            program = _from(place, row).to_qat()
            program.compensate(_calibration(place, program))
            return program


def _tuned(place: Place, variant: str, seed: int) -> Program:
    """A variant after as many steps as every other, from the float model of the seed."""
    steps = place.steps(TUNE_STEPS)
    rate = Cosine(2e-4, warmup=min(20, steps // 2), final=2e-6)
    stage = Stage("qat", steps, rate, quantize=variant != FLOAT, seed=seed + 1)
    first = partial(_with_weights, variant, _base_folder(place, seed))
    return _train(place, variant, stage, place.out / f"{variant}-{seed}", first)


def _from(place: Place, row: Row) -> Program:
    """The variant with the float weights that were tuned as long as the others."""
    _tuned(place, FLOAT, row.seed)
    return _with_weights(row.variant, place.out / f"{FLOAT}-{row.seed}")


def _with_weights(variant: str, folder: Path) -> Program:
    """The float program of a variant with the weights that a float training ended with."""
    state = checkpoint.load_state(folder / "checkpoint")
    program = load_spec(SPEC).variants[variant].program()
    program.load_state_dict(part(state, MODEL))
    return program


def _fresh(seed: int) -> Program:
    return load_spec(SPEC).variants[FLOAT].program(seed=seed)


def _train(
    place: Place, variant: str, stage: Stage, folder: Path, program: Callable[[], Program]
) -> Program:
    model = load_spec(SPEC).variants[variant].model

    def task(stage: Stage, share: Share) -> AsrTask:
        data = find_recordings(place.data).folder
        return open_task(
            Request(TASK, model, data, batch=stage.batch, seed=stage.seed, share=share)
        )

    recipe = Recipe("digits", TASK, (stage,))
    return train(
        Run(
            recipe=recipe,
            program=program,
            task=task,
            loss=TASK.loss,
            folder=folder,
            identity=f"{variant} {stage}",
        )
    )


def _base_folder(place: Place, seed: int) -> Path:
    return place.out / f"base-{seed}"


def _calibration(place: Place, program: Program) -> list[tuple[str, list[Tensor]]]:
    """What the entries are given for some batches of the training."""
    data = find_recordings(place.data).folder
    task = open_task(Request(TASK, program.ir, data, seed=2))
    return [x for batch in islice(task.batches(0), CALIBRATION) for x in _entries(program, batch)]


@torch.no_grad()
def _entries(program: Program, batch: Batch) -> Iterator[tuple[str, list[Tensor]]]:
    frames, _ = program.encode(batch.audio, batch.lengths)
    states = program.predict(batch.history)
    yield "encode", [batch.audio, batch.lengths]
    yield "predict", [batch.history]
    yield "join", [frames, states]


# ---- scoring -----------------------------------------------------------------------------------


@cache
def _test(data: Path | None, noise: Noise | None) -> list[Utterance]:
    return evaluation_set(find_recordings(data), HELD_OUT_SPEAKER, bins=BINS, noise=noise)


def _heard(found: Evaluation) -> Heard:
    return Heard(found.score.errors, found.score.words, found.loss)
