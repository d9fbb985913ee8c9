"""Runs a prediction network label by label, whatever it remembers: states, labels, or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import torch
from torch import Tensor

from qdsl.tasks.asr.entries import Prediction
from qdsl.tasks.asr.tokens import BLANK


class Recognizer(Protocol):
    """What a transducer must offer; `predict` equals `step` run over [blank, *labels]."""

    def encode(self, audio: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """f32[B, T, bins], i64[B] to frames f32[B, S, d] and their number i64[B]."""

    def predict(self, labels: Tensor) -> Tensor:
        """i64[B, U] to states f32[B, U + 1, d]."""

    @property
    def step(self) -> Any:
        """i64[B, n] and states f32[B, ...], to f32[B, 1, d] and the next states."""

    def join(self, frames: Tensor, states: Tensor) -> Tensor:
        """f32[B, S, d] and f32[B, P, d] to logits f32[B, S, P, V]."""


@dataclass(frozen=True, slots=True, eq=False)
class Cursor:
    """Where the prediction network stands in each of B rows.

    output f32[B, 1, d] is to be joined; states are those of `step`. labels i64[B, n] are the last
    labels, `counts` i64[B] how many of them there are, from the left.
    """

    output: Tensor
    states: tuple[Tensor, ...]
    labels: Tensor
    counts: Tensor

    def rows(self, index: Tensor) -> "Cursor":
        """The rows of those numbers i64[N]."""
        states = tuple(s[index] for s in self.states)
        return Cursor(self.output[index], states, self.labels[index], self.counts[index])


@dataclass(frozen=True, slots=True, eq=False)
class Predictor:
    """The prediction network of a model, moved on by one label at a time."""

    model: Recognizer
    prediction: Prediction

    def start(self, batch: int, device: torch.device | str = "cpu") -> Cursor:
        """Before the first label."""
        states = tuple(s.zeros(batch).to(device) for s in self.prediction.states)
        width = self.prediction.context or 0
        labels = torch.full((batch, width), BLANK, device=device)
        counts = torch.zeros(batch, dtype=torch.int64, device=device)
        empty = Cursor(labels.new_empty(0), states, labels, counts)
        return self._stepped(empty) if width == 1 else self._predicted(empty)

    def advance(self, cursor: Cursor, symbols: Tensor, moving: Tensor | None = None) -> Cursor:
        """Behind the symbols i64[B, 1]; rows that are not `moving` bool[B] stay where they are."""
        after = self._pushed(cursor, symbols)
        after = self._stepped(after) if self.prediction.context == 1 else self._windowed(after)
        return after if moving is None else _chosen(moving, after, cursor)

    def _pushed(self, cursor: Cursor, symbols: Tensor) -> Cursor:
        """With the symbols among the labels; the oldest make room."""
        labels, counts = cursor.labels, cursor.counts
        if self.prediction.context is None:
            labels = torch.nn.functional.pad(labels, (0, 1), value=BLANK)
        full = (counts >= labels.shape[1])[:, None]
        place = counts.clamp(max=labels.shape[1] - 1)[:, None]
        shifted = torch.cat((labels[:, 1:], symbols), 1)
        labels = torch.where(full, shifted, labels.scatter(1, place, symbols))
        return replace(cursor, labels=labels, counts=(counts + 1).clamp(max=labels.shape[1]))

    def _windowed(self, cursor: Cursor) -> Cursor:
        """What was said in fewer labels than `step` takes is asked of `predict`."""
        context = self.prediction.context
        if context is None or bool((cursor.counts < context).all()):
            return self._predicted(cursor)
        stepped, full = self._stepped(cursor), cursor.counts >= context
        return stepped if full.all() else _chosen(full, stepped, self._predicted(cursor))

    def _stepped(self, cursor: Cursor) -> Cursor:
        found = self.model.step(cursor.labels, *cursor.states)
        output, *states = found if isinstance(found, tuple | list) else (found,)
        return replace(cursor, output=output, states=tuple(states))

    def _predicted(self, cursor: Cursor) -> Cursor:
        rows = torch.arange(len(cursor.counts), device=cursor.counts.device)
        output = self.model.predict(cursor.labels)[rows, cursor.counts]
        return replace(cursor, output=output[:, None])


def joined(cursors: Sequence[Cursor]) -> Cursor:
    """The rows of all cursors, one after the other."""
    width = max(c.labels.shape[1] for c in cursors)
    return Cursor(
        torch.cat([c.output for c in cursors]),
        tuple(map(torch.cat, zip(*(c.states for c in cursors), strict=True))),
        torch.cat([_widened(c.labels, width) for c in cursors]),
        torch.cat([c.counts for c in cursors]),
    )


def _chosen(flags: Tensor, new: Cursor, old: Cursor) -> Cursor:
    """Rows of the new cursor where the flags bool[B] are set, else of the old one."""
    states = (
        torch.where(_like(flags, n), n, o) for n, o in zip(new.states, old.states, strict=True)
    )
    return Cursor(
        torch.where(_like(flags, new.output), new.output, old.output),
        tuple(states),
        torch.where(flags[:, None], new.labels, _widened(old.labels, new.labels.shape[1])),
        torch.where(flags, new.counts, old.counts),
    )


def _widened(labels: Tensor, width: int) -> Tensor:
    return torch.nn.functional.pad(labels, (0, width - labels.shape[1]), value=BLANK)


def _like(flags: Tensor, values: Tensor) -> Tensor:
    return flags.reshape(-1, *(1,) * (values.dim() - 1))
