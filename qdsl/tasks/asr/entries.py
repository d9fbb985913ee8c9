"""Checks that a model offers the entries this task calls, and reads what states they carry."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from qdsl.diagnostic.model import Diagnostic, QdslError, error
from qdsl.ir.model import Entry, EntryInput, Model

SIGNATURES = {
    "encode": "encode(audio: f32[B, T, F], lengths: i64[B]) -> f32[B, S, d], i64[B]",
    "predict": "predict(labels: i64[B, U]) -> f32[B, U + 1, d]",
    "join": "join(frames: f32[B, S, d], states: f32[B, P, d]) -> f32[B, S, P, V]",
}
RANKS = {  # of inputs and results
    "encode": ((3, 1), (3, 1)),
    "predict": ((2,), (3,)),
    "join": ((3, 3), (4,)),
}
STEP = "step(labels: i64[B, n], …: f32[B, …] = zeros) -> f32[B, 1, d], …"
CHUNK = "encode_chunk(audio: f32[B, T, F], …: f32[B, …] = zeros) -> f32[B, S, d], …"
DTYPES = {"f32": torch.float32, "i64": torch.int64, "bool": torch.bool}


@dataclass(frozen=True, slots=True)
class Carried:
    """A state that an entry takes and gives back: its shape without the batch, if it has one."""

    dtype: str
    shape: tuple[int, ...]
    batched: bool = True

    def zeros(self, batch: int) -> Tensor:
        """The state before anything was heard or said."""
        shape = (batch, *self.shape) if self.batched else self.shape
        return torch.zeros(shape, dtype=DTYPES[self.dtype])


@dataclass(frozen=True, slots=True)
class Prediction:
    """How the prediction network is asked for one label more.

    context: how many labels `step` takes, None where the model has no `step`; then, and where
    fewer were said, `predict` is asked. states: what else `step` takes and gives back.
    """

    context: int | None = None
    states: tuple[Carried, ...] = ()


def prediction_of(model: Model) -> Prediction:
    """Of a transducer; raises QdslError (Q730) naming what is missing or of another signature."""
    entries = {e.name: e for e in model.entries}
    found = list(_missing(model, entries))
    step = entries.get("step")
    if step is not None and _continues(step, rank=2) and step.inputs[0].type.dtype == "i64":
        context = step.inputs[0].type.shape[1].constant
        states = _carried(step)
        if context and states is not None and (context == 1 or not states) and not found:
            return Prediction(context, states)
    if step is not None:
        found.append(_unfit(model, "step", STEP))
    if found:
        raise QdslError(found)
    return Prediction()


def chunk_states(model: Model) -> tuple[Carried, ...]:
    """What `encode_chunk` carries from chunk to chunk.

    Raises QdslError (Q730) where there is no such entry, or one of another signature.
    """
    entry = next((e for e in model.entries if e.name == "encode_chunk"), None)
    if entry is None:
        message = "streaming needs the entry `encode_chunk`"
        raise QdslError([error("Q730", message, model.root.span, help=f"add `entry {CHUNK}`")])
    states = _carried(entry) if _continues(entry, rank=3) else None
    if states is None:
        raise QdslError([_unfit(model, "encode_chunk", CHUNK)])
    return states


def _missing(model: Model, entries: dict[str, Entry]) -> Iterator[Diagnostic]:
    for name, signature in SIGNATURES.items():
        if name not in entries:
            message = f"task `asr` needs the entry `{name}`"
            yield error("Q730", message, model.root.span, help=f"add `entry {signature}`")
        elif _ranks(entries[name]) != RANKS[name]:
            yield _unfit(model, name, signature)


def _unfit(model: Model, name: str, signature: str) -> Diagnostic:
    message = f"entry `{name}` does not fit the task `asr`"
    return error("Q730", message, model.root.span, help=f"it is `{signature}`")


def _continues(entry: Entry, *, rank: int) -> bool:
    """Whether it takes a tensor of that rank and gives one of rank 3, and all else is states."""
    given, results = [i.type for i in entry.inputs], entry.results
    return (
        len(given) == len(results) >= 1
        and (len(given[0].shape), len(results[0].shape)) == (rank, 3)
        and all(
            (a.dtype, len(a.shape)) == (b.dtype, len(b.shape))
            for a, b in zip(given[1:], results[1:], strict=True)
        )
    )


def _carried(entry: Entry) -> tuple[Carried, ...] | None:
    """None where a state has no fixed size."""
    states = [_state(i) for i in entry.inputs[1:]]
    return None if None in states else tuple(s for s in states if s)


def _state(given: EntryInput) -> Carried | None:
    shape = given.type.shape
    batched = bool(shape) and shape[0].constant is None
    sizes = [d.constant for d in shape[batched:]]
    if any(size is None for size in sizes):
        return None
    return Carried(given.type.dtype, tuple(s for s in sizes if s is not None), batched)


def _ranks(entry: Entry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    inputs = tuple(len(i.type.shape) for i in entry.inputs)
    return inputs, tuple(len(r.shape) for r in entry.results)
