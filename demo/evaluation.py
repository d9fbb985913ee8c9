"""Decodes the held-out speaker with the float, the QAT and the packed graph, and times them."""

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from safetensors.torch import save

import qdsl
from demo.plan import FLOAT_VARIANT, Plan
from demo.training import trained
from qdsl.fx import Program, Report, verify
from qdsl.replacing import replacing
from qdsl.tasks.asr.data import Utterance, collate, evaluation_set
from qdsl.tasks.asr.decode import greedy, hypotheses
from qdsl.tasks.asr.entries import prediction_of
from qdsl.tasks.asr.recordings import HELD_OUT_SPEAKER, find_recordings
from qdsl.tasks.asr.score import Score, score
from qdsl.tasks.asr.stages import BINS

Ids = list[list[int]]
BATCH = 32
VERIFIED = 8  # utterances that `verify` records inputs from
TIMED = 12  # utterances of a round
ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One variant on every test utterance: what was recognized by which graph."""

    variant: str
    qat: Score
    packed: Score
    same_exact: int  # utterances with the same ids in exact mode and packed
    same_training: int  # the same for the QAT graph as it was trained
    exceptions: tuple[str, ...]  # utterances on which the QAT and the packed graph differ
    report: Report

    @property
    def holds(self) -> bool:
        """The same ids everywhere in exact mode, on 99.5 % as trained, and verified."""
        total = len(self.packed.words)
        enough = self.same_training >= 0.995 * total
        return self.report.ok and self.same_exact == total and enough


@cache
def held_out(plan: Plan) -> list[Utterance]:
    return evaluation_set(find_recordings(plan.data), HELD_OUT_SPEAKER, bins=BINS)


def evaluate_float(plan: Plan) -> Score:
    """The float graph with the fine-tuned float weights."""
    utterances = held_out(plan)
    return _score(utterances, recognize(trained(plan, FLOAT_VARIANT), utterances))


def evaluate(plan: Plan, variant: str) -> Evaluation:
    """The trained graph against the packed file that is loaded back from disk."""
    torch.set_num_threads(1)
    utterances = held_out(plan)
    program = trained(plan, variant)
    packed = qdsl.load(plan.packed(variant))
    as_trained = recognize(program, utterances)
    as_packed = recognize(packed, utterances)
    report = verify(program, plan.packed(variant), _inputs(program, utterances[:VERIFIED]))
    as_exact = recognize(program.exact(), utterances)
    return Evaluation(
        variant=variant,
        qat=_score(utterances, as_trained),
        packed=_score(utterances, as_packed),
        same_exact=_same(as_exact, as_packed),
        same_training=_same(as_trained, as_packed),
        exceptions=_exceptions(packed, utterances, as_trained, as_packed),
        report=report,
    )


@torch.no_grad()
def recognize(program: Program, utterances: Sequence[Utterance]) -> Ids:
    found: Ids = []
    for start in range(0, len(utterances), BATCH):
        batch = collate(utterances[start : start + BATCH])
        prediction = prediction_of(program.ir)
        found += greedy(program, batch.audio, batch.lengths, prediction=prediction)
    return found


def record_inputs(plan: Plan) -> None:
    """Writes what the entries are given for a few utterances, for `qdsl verify`."""
    program = trained(plan, FLOAT_VARIANT)
    tensors = {
        f"{entry.name}.{given.name}": tensor
        for entry, (_, values) in zip(
            program.ir.entries, _inputs(program, held_out(plan)[:VERIFIED]), strict=True
        )
        for given, tensor in zip(entry.inputs, values, strict=True)
    }
    with replacing(plan.inputs) as file:
        copies = {k: v.clone(memory_format=torch.contiguous_format) for k, v in tensors.items()}
        file.write(save(copies))


def real_time_factors(plan: Plan, variants: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Of each variant at batch 1 on one thread: seconds per second of speech of the packed graph,
    and how many times as fast as the float graph it is.

    Rounds are interleaved, so that what else the machine does meets all alike; medians. From
    features to ids: encoding and greedy decoding.
    """
    torch.set_num_threads(1)
    every = held_out(plan)
    utterances = every[:: max(1, len(every) // TIMED)][:TIMED]
    seconds = sum(u.seconds for u in utterances)
    reference = trained(plan, FLOAT_VARIANT)
    packed = {v: qdsl.load(plan.packed(v)) for v in variants}
    times: dict[str, list[float]] = {v: [] for v in variants}
    ratios: dict[str, list[float]] = {v: [] for v in variants}
    for _ in range(ROUNDS):
        for variant, program in packed.items():
            before = _timed(reference, utterances)
            times[variant].append(_timed(program, utterances))
            ratios[variant].append(before / times[variant][-1])
    return {
        v: (statistics.median(times[v]) / seconds, statistics.median(ratios[v])) for v in variants
    }


def _timed(program: Program, utterances: Sequence[Utterance]) -> float:
    batches = [collate([u]) for u in utterances]
    prediction = prediction_of(program.ir)
    start = time.perf_counter()
    for batch in batches:
        greedy(program, batch.audio, batch.lengths, prediction=prediction)
    return time.perf_counter() - start


@torch.no_grad()
def _inputs(
    program: Program, utterances: Sequence[Utterance]
) -> list[tuple[str, list[torch.Tensor]]]:
    """What the entries are given for these utterances, each once."""
    batch = collate(utterances)
    frames, _ = program.encode(batch.audio, batch.lengths)
    predicted = program.predict(batch.targets)
    states = [s.zeros(len(utterances)) for s in prediction_of(program.ir).states]
    return [
        ("encode", [batch.audio, batch.lengths]),
        ("predict", [batch.targets]),
        ("step", [batch.targets[:, :1], *states]),
        ("join", [frames, predicted]),
    ]


def _exceptions(
    packed: Program, utterances: Sequence[Utterance], first: Ids, second: Ids
) -> tuple[str, ...]:
    """Where ids differ, and by how little the packed graph decided there."""
    found = []
    for number, (a, b) in enumerate(zip(first, second, strict=True)):
        if a != b:
            batch = collate([utterances[number]])
            (heard,) = hypotheses(
                packed,
                batch.audio,
                batch.lengths,
                prediction=prediction_of(packed.ir),
                margins=True,
            )
            found.append(f"utterance {number}: smallest margin {min(heard.margins):.2g}")
    return tuple(found)


def _score(utterances: Sequence[Utterance], found: Ids) -> Score:
    return score([u.ids for u in utterances], found)


def _same(first: Ids, second: Ids) -> int:
    return sum(a == b for a, b in zip(first, second, strict=True))
