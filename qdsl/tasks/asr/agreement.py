"""Compares what two graphs of one recognizer hear: the same tokens, or how close it was."""

from dataclasses import dataclass

from torch import Tensor

from qdsl.diagnostic.model import QdslError
from qdsl.fx import Program
from qdsl.tasks.asr.decode import hypotheses
from qdsl.tasks.asr.entries import prediction_of

REQUIRED = 0.995  # share of utterances with the same tokens


@dataclass(frozen=True, slots=True)
class Difference:
    """An utterance, counted from 0, and the least margin of a decision of the packed graph."""

    utterance: int
    margin: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How many utterances there were, and those whose tokens differ."""

    utterances: int
    differences: tuple[Difference, ...]

    @property
    def same(self) -> int:
        return self.utterances - len(self.differences)

    @property
    def ok(self) -> bool:
        """Whether enough are the same."""
        return self.same >= REQUIRED * self.utterances

    def __str__(self) -> str:
        lines = [f"tokens: the same in {self.same} of {self.utterances} utterances"]
        lines += (
            f"  utterance {d.utterance} differs; its smallest margin is {d.margin:.2g}"
            for d in self.differences
        )
        return "\n".join(lines)


def agreement(trained: Program, packed: Program, audio: Tensor, lengths: Tensor) -> Agreement:
    """Greedy decoding by the QAT graph as it was trained, and by the packed one.

    audio f32[B, T, bins], lengths i64[B]. Raises QdslError (Q730) for another model.
    """
    prediction = prediction_of(trained.ir)
    first = hypotheses(trained, audio, lengths, prediction=prediction)
    there = audio.to(packed.device), lengths.to(packed.device)
    second = hypotheses(packed, *there, prediction=prediction, margins=True)
    differences = tuple(
        Difference(number, min(b.margins, default=0.0))
        for number, (a, b) in enumerate(zip(first, second, strict=True))
        if a.ids != b.ids
    )
    return Agreement(len(first), differences)


def is_recognizer(program: Program) -> bool:
    """Whether the model has the entries that decoding calls."""
    try:
        prediction_of(program.ir)
    except QdslError:
        return False
    return True
