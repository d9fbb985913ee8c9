"""Checks that a model offers the entries this task calls, and reads its state's shape off them."""

from qdsl.diagnostic.model import QdslError, error
from qdsl.ir.model import Entry, Model

SIGNATURES = {
    "encode": "encode(audio: f32[B, T, F], lengths: i64[B]) -> f32[B, S, d], i64[B]",
    "predict": "predict(labels: i64[B, U]) -> f32[B, U + 1, d]",
    "step": "step(label: i64[B, 1], h: f32[B, N], c: f32[B, N]) -> f32[B, 1, d], h, c",
    "join": "join(frames: f32[B, S, d], states: f32[B, P, d]) -> f32[B, S, P, V]",
}
RANKS = {  # of inputs and results
    "encode": ((3, 1), (3, 1)),
    "predict": ((2,), (3,)),
    "step": ((2, 2, 2), (3, 2, 2)),
    "join": ((3, 3), (4,)),
}


def check_entries(model: Model) -> None:
    """Raises QdslError (Q730) naming every entry that is missing or has another signature."""
    entries = {e.name: e for e in model.entries}
    found = []
    for name, signature in SIGNATURES.items():
        if name not in entries:
            message = f"task `asr` needs the entry `{name}`"
            found.append(error("Q730", message, model.root.span, help=f"add `entry {signature}`"))
        elif _ranks(entries[name]) != RANKS[name]:
            message = f"entry `{name}` does not fit the task `asr`"
            found.append(error("Q730", message, model.root.span, help=f"it is `{signature}`"))
    if found:
        raise QdslError(found)


def state_shape(model: Model) -> tuple[int, ...]:
    """Shape of the state that `step` takes, without the batch; raises QdslError (Q730)."""
    check_entries(model)
    step = next(e for e in model.entries if e.name == "step")
    (size,) = (d.constant for d in step.inputs[1].type.shape[1:])
    if size is None:
        message = "the state of `step` has no fixed size"
        raise QdslError([error("Q730", message, model.root.span, help=SIGNATURES["step"])])
    return (size,)


def _ranks(entry: Entry) -> tuple[tuple[int, ...], tuple[int, ...]]:
    inputs = tuple(len(i.type.shape) for i in entry.inputs)
    return inputs, tuple(len(r.shape) for r in entry.results)
