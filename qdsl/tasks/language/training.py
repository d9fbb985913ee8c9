"""Trains language models: batches of text, cross entropy, distillation, bits per byte."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from math import log

import torch
from torch import Tensor

from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.program import Program
from qdsl.recipes.loss import Ce, Loss
from qdsl.recipes.tasks.language import Language
from qdsl.tasks.language.text import Text, read_text, suffixes_of
from qdsl.train.losses.ce import ce_losses
from qdsl.train.losses.distillation import divergences
from qdsl.train.task import Request, Share

ROWS = 16
"""Pieces of text in a batch, where the stage does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pieces ids i64[B, T + 1]; `scale` makes a sum over them the mean over the whole batch."""

    ids: Tensor
    scale: float


@dataclass(frozen=True, slots=True, eq=False)
class LanguageTask:
    """Predicts each byte of a piece from those before it in the piece."""

    text: Text
    context: int
    rows: int
    seed: int
    share: Share

    def batches(self, start: int) -> Iterator[Batch]:
        return map(self.batch, count(start))

    def batch(self, number: int) -> Batch:
        """Pieces that begin anywhere in the text: a function of seed and number."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        places = len(self.text.trained) - self.context
        starts = torch.randint(places, (self.rows,), generator=generator).tolist()
        own = self.share.of(starts)
        # where there are more processes than pieces, one that counts for nothing
        rows = [self.text.trained[s : s + self.context + 1] for s in own or starts[:1]]
        scale = self.share.count / (self.rows * self.context) if own else 0.0
        return Batch(torch.stack(rows).long(), scale)

    def forward(self, model: Program, batch: Batch) -> Tensor:
        """Logits f32[B, T, V] of the byte behind each."""
        logits: Tensor = model.score(batch.ids[:, :-1])
        return logits.float()

    def loss(self, model: Program, outputs: Tensor, batch: Batch, loss: Loss) -> Tensor:
        """Cross entropy f32[] in nats per byte."""
        assert isinstance(loss, Ce), "a recipe's check"
        losses = ce_losses(outputs, batch.ids[:, 1:], smoothing=loss.smoothing)
        return losses.sum() * batch.scale

    def distillation(
        self,
        model: Program,
        teacher: Program,
        outputs: Tensor,
        teacher_outputs: Tensor,
        batch: Batch,
        temperature: float,
    ) -> Tensor:
        """Relative entropy of the two distributions, times temperature² (arXiv 1503.02531).

        Raises QdslError (Q735) where the teacher knows another number of ids.
        """
        own, other = outputs.shape[-1], teacher_outputs.shape[-1]
        if own != other:
            message = f"the teacher knows {other} ids where the student knows {own}"
            raise QdslError([error("Q735", message, help="distil from a model of the same ids")])
        apart = divergences(outputs, teacher_outputs, temperature=temperature)
        return apart.sum() * batch.scale

    @torch.no_grad()
    def evaluate(self, model: Program) -> Mapping[str, float]:
        """Over the text that was held out, each piece on its own."""
        pieces = self.text.held_out.unfold(0, self.context + 1, self.context).long()
        device, total = next(model.parameters()).device, 0.0
        for ids in torch.split(pieces.to(device), self.rows):
            logits = self.forward(model, Batch(ids, 1.0))
            total += float(ce_losses(logits, ids[:, 1:]).sum())
        return {"bits per byte": total / (len(pieces) * self.context) / log(2)}


def open_task(request: Request) -> LanguageTask:
    """Raises QdslError: Q731 for data, Q730 for a model of fewer ids than bytes; OSError."""
    assert isinstance(request.task, Language)
    _check_ids(request)
    return LanguageTask(
        text=read_text(request.data, request.task.context, suffixes_of(request.options)),
        context=request.task.context,
        rows=request.batch or ROWS,
        seed=request.seed,
        share=request.share,
    )


def _check_ids(request: Request) -> None:
    entry = next(e for e in request.model.entries if e.name == "score")
    ids = entry.results[0].shape[-1].constant
    if ids is None or ids < 256:
        message = f"`score` of `{request.model.name}` knows {ids} ids, task `language` 256"
        help = "text is read as bytes"
        raise QdslError([error("Q730", message, request.model.root.span, help=help)])
