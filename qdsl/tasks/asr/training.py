"""Trains recognizers: batches of a corpus, the losses of a recipe, distillation, error rates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never, cast

import torch
from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.program import Program
from qdsl.ir.model import Model
from qdsl.recipes.loss import Ce, Ctc, Embr, Loss, Rnnt
from qdsl.recipes.tasks.asr import Asr
from qdsl.tasks.asr import objective
from qdsl.tasks.asr.corpus import Corpus, Digits, Listed
from qdsl.tasks.asr.data import Batch
from qdsl.tasks.asr.entries import Prediction, prediction_of
from qdsl.tasks.asr.evaluation import evaluate
from qdsl.tasks.asr.features import FRAME_SECONDS
from qdsl.tasks.asr.manifest import TOKENS, TRAIN, read_corpus
from qdsl.tasks.asr.objective import Encoded
from qdsl.tasks.asr.predictor import Recognizer
from qdsl.tasks.asr.recordings import find_recordings
from qdsl.tasks.asr.tokens import BLANK
from qdsl.train.losses.ctc import ctc_losses
from qdsl.train.losses.distillation import divergences
from qdsl.train.losses.transducer_distillation import transducer_divergences
from qdsl.train.task import Request


@dataclass(frozen=True, slots=True, eq=False)
class AsrTask:
    """Recognition of a corpus; `prediction` is None where the loss is the connectionist one."""

    corpus: Corpus
    prediction: Prediction | None

    def batches(self, start: int) -> Iterator[Batch]:
        return self.corpus.batches(start)

    def forward(self, model: Program, batch: Batch) -> Encoded:
        """Frames, and states behind the labels; what joins them is left to the losses.

        Raises QdslError (Q735) for a teacher of other labels or entries.
        """
        self._check_fits(model.ir)
        frames, lengths = model.encode(batch.audio, batch.lengths)
        if self.prediction is None:
            return Encoded(frames, lengths, None)
        return Encoded(frames, lengths, model.predict(batch.history))

    def loss(self, model: Program, outputs: Encoded, batch: Batch, loss: Loss) -> Tensor:
        """In nats per label, expected word errors per label for `embr`: f32[]."""
        return self._losses(model, outputs, batch, loss).sum() / batch.labels

    def distillation(
        self,
        model: Program,
        teacher: Program,
        outputs: Encoded,
        teacher_outputs: Encoded,
        batch: Batch,
        temperature: float,
    ) -> Tensor:
        """Divergence f32[] in nats, a mean over the utterances of means over lattice or frames.

        Raises QdslError (Q735) where the teacher gives another number of frames or labels.
        """
        check_teacher(outputs, teacher_outputs)
        if outputs.states is None or teacher_outputs.states is None:
            found = _by_frame(outputs, teacher_outputs, temperature)
        else:
            found = transducer_divergences(
                model.join,
                teacher.join,
                outputs.frames,
                outputs.states,
                teacher_outputs.frames,
                teacher_outputs.states,
                batch.targets,
                outputs.lengths,
                batch.target_lengths,
                part=objective.part(batch.targets, len(self.corpus.vocabulary)),
                blank=BLANK,
                temperature=temperature,
            )
        return found.sum() / batch.utterances

    def evaluate(self, model: Program) -> Mapping[str, float]:
        """Word error rate and loss on the utterances that are not trained on."""
        found = evaluate(
            model, self.corpus.test(), self.corpus.vocabulary, ctc=self.prediction is None
        )
        return {"WER": found.score.wer, "nats per label": found.loss}

    def _check_fits(self, model: Model) -> None:
        """That of the student was checked when the task was opened."""
        given, wanted = labels(model, self.prediction is None), len(self.corpus.vocabulary)
        if given is None:
            message = f"the teacher `{model.name}` has other entries than the student"
            help = "distil from a model with the same loss"
            raise QdslError([error("Q735", message, model.root.span, help=help)])
        if given != wanted:
            message = f"the teacher `{model.name}` gives {given} labels, the data has {wanted}"
            help = "distil from a model of the same labels"
            raise QdslError([error("Q735", message, model.root.span, help=help)])

    def _losses(self, model: Program, given: Encoded, batch: Batch, loss: Loss) -> Tensor:
        vocabulary = self.corpus.vocabulary
        match loss:
            case Rnnt():
                return objective.rnnt(cast(Recognizer, model), given, batch, len(vocabulary))
            case Ctc():
                return ctc_losses(
                    given.frames, batch.targets, given.lengths, batch.target_lengths, blank=BLANK
                )
            case Embr(beam=beam, mix=mix):
                assert self.prediction is not None, "a recipe's check"
                return objective.embr(
                    model,
                    given,
                    batch,
                    self.prediction,
                    vocabulary.text,
                    len(vocabulary),
                    beam=beam,
                    mix=mix,
                )
            case Ce():
                raise AssertionError("a recipe's check refuses it")
            case _:
                assert_never(loss)


def _by_frame(student: Encoded, teacher: Encoded, temperature: float) -> Tensor:
    apart = divergences(student.frames, teacher.frames, temperature=temperature)  # [B, S]
    inside = torch.arange(apart.shape[1], device=apart.device) < student.lengths[:, None]
    return apart.where(inside, 0.0).sum(1) / student.lengths


def check_teacher(student: Encoded, teacher: Encoded) -> None:
    """Raises QdslError (Q735) where their outputs cannot be compared."""
    own, other = student.frames.shape[1], teacher.frames.shape[1]
    if own != other or (student.states is None) != (teacher.states is None):
        what = f"{other} frames where the student gives {own}"
        what = what if own != other else "other entries"
        help = "distil from a model that shortens its input alike, with the same loss"
        raise QdslError([error("Q735", f"the teacher gives {what}", help=help)])
    labels, others = student.frames.shape[-1], teacher.frames.shape[-1]
    if student.states is None and labels != others:
        message = f"the teacher gives {others} labels where the student gives {labels}"
        raise QdslError([error("Q735", message, help="distil from a model of the same labels")])


def open_task(request: Request) -> AsrTask:
    """Raises QdslError: Q720, Q731 … Q734 for data, Q730 for entries that are missing."""
    task = request.task
    assert isinstance(task, Asr)
    corpus = _corpus(request, task)
    with_ctc = isinstance(task.loss, Ctc)
    prediction = None if with_ctc else prediction_of(request.model)
    _check_labels(request.model, task, corpus)
    return AsrTask(corpus, prediction)


def labels(model: Model, ctc: bool) -> int | None:
    """How many a recognizer tells apart; None where it has no entry that does."""
    name = "encode" if ctc else "join"
    entry = next((e for e in model.entries if e.name == name), None)
    return entry.results[0].shape[-1].constant if entry else None


def _corpus(request: Request, task: Asr) -> Corpus:
    bins, seconds = task.features.bins, 1 / task.features.rate
    if (request.data / TRAIN).is_file():
        manifest = read_corpus(request.data, frame_seconds=seconds)
        return Listed(manifest, bins, seconds, request.batch, request.seed, request.share)
    if seconds != FRAME_SECONDS:
        message = f"digits are heard at {round(1 / FRAME_SECONDS)} frames a second"
        raise QdslError([error("Q731", message, help="leave out `rate` in `features`")])
    recordings = find_recordings(request.data)
    return Digits(recordings, bins, request.batch, request.seed, request.share)


def _check_labels(model: Model, task: Asr, corpus: Corpus) -> None:
    """Raises QdslError (Q731) where the model's labels are not those of the data."""
    given, wanted = labels(model, isinstance(task.loss, Ctc)), len(corpus.vocabulary)
    if task.blank != BLANK:
        message = f"the blank of the data is {BLANK}, the recipe's {task.blank}"
        raise QdslError([error("Q731", message, help=f"write `blank = {BLANK}`")])
    if given != wanted:
        message = f"`{model.name}` gives {given} labels, the data has {wanted} with the blank"
        help = f"give the model as many as there are, or other ones in `{TOKENS}`"
        raise QdslError([error("Q731", message, model.root.span, help=help)])
