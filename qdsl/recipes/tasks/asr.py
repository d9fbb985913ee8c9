"""Defines the task `asr`: speech in, tokens out."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from qdsl.recipes.loss import Ctc, Embr, Loss, Rnnt
from qdsl.recipes.option import Option, at_least
from qdsl.recipes.task import Task


@dataclass(frozen=True)
class Fbank(Option):
    """Log-mel features: `bins` numbers a frame, `rate` frames a second."""

    bins: int = 80
    rate: int = 100

    def faults(self) -> Iterator[str]:
        yield from at_least(1, bins=self.bins, rate=self.rate)


@dataclass(frozen=True)
class Asr(Task):
    """Speech recognition. `blank` is the id of the blank label.

    With `rnnt` (and `embr`, which goes on from it) the model has `encode`, `predict` and `join`;
    with `ctc`, `encode` alone, which gives log-probabilities. A joint may give log-probabilities
    too, as `HatJoint` does: all losses take them as logits. With an entry `step`, decoding asks
    for one label at a time: of the last n labels `i64[B, n]` it gives `f32[B, 1, P]`, or with
    n = 1 of a label and states that begin as zeros the same and the next states.

    `--data` names the folder of the Free Spoken Digit Dataset, of which strings of digits are made,
    four speakers to train on and the fifth, `theo`, to evaluate on; `batch` is about a quarter of
    the digits in a batch. Or it names a corpus: `train.jsonl` and `test.jsonl` with a line
    `{"audio": "a.wav", "text": "what is said"}` for each utterance, paths from the folder, and
    `tokens.txt` with a token a line, the blank's name first. Where no token outside of angle
    brackets is longer than a character, texts are split into characters, `<space>` between words;
    else into words. Recordings are of one sample rate, utterances of about one length in a batch.
    """

    loss: Loss = Rnnt()
    features: Fbank = Fbank()
    blank: int = 0

    shared: ClassVar[frozenset[str]] = frozenset(("D", "P", "V"))

    def faults(self) -> Iterator[str]:
        yield from at_least(0, blank=self.blank)
        if not isinstance(self.loss, Rnnt | Embr | Ctc):
            yield f"`loss` of `asr` is `rnnt`, `embr` or `ctc`, not `{self.loss.word()}`"

    def needs(self) -> tuple[str, ...]:
        audio = f"audio: f32[B, T, {self.features.bins}], lengths: i64[B]"
        if isinstance(self.loss, Ctc):
            return (f"entry encode({audio}) -> f32[B, S, V], i64[B]",)
        return (
            f"entry encode({audio}) -> f32[B, S, D], i64[B]",
            "entry predict(labels: i64[B, U]) -> f32[B, U + 1, P]",
            "entry join(frames: f32[B, S, D], states: f32[B, L, P]) -> f32[B, S, L, V]",
        )
