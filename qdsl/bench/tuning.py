"""Finds the calls of packed weights in entries, for back ends that tune their kernels."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import Target

from qdsl.bench.given import fitting, random_inputs, sizes_of
from qdsl.diagnostic.model import QdslError, error
from qdsl.fx.ops import backend
from qdsl.fx.program import Program
from qdsl.fx.recording import placed
from qdsl.ir.model import Entry
from qdsl.target import Call, Tunable


def tunable(name: str) -> Tunable:
    """The back end of that name; raises QdslError (Q502, Q503, Q751)."""
    found = backend(name)
    if not isinstance(found, Tunable):
        message = f"back end `{name}` has nothing to tune"
        raise QdslError([error("Q751", message, help="its kernels run as they are")])
    if not (state := found.tuning()).available:
        message = f"back end `{name}` cannot be tuned here: {state.reason}"
        raise QdslError([error("Q751", message)])
    return found


@torch.no_grad()
def calls(program: Program, entry: Entry, given: Mapping[str, int]) -> tuple[Call, ...]:
    """Those of an entry on random inputs; raises QdslError (Q750) for sizes that do not fit."""
    sizes = sizes_of(entry, given)
    inputs = placed(random_inputs(program.ir, entry, sizes), program.device)
    heard = _Listening(program, entry.name)
    with fitting(entry.name, sizes):
        heard.run(*inputs)
    return tuple(heard.calls)


class _Listening(fx.Interpreter):
    """Runs an entry and keeps the calls that are given a packed weight."""

    def __init__(self, program: Program, entry: str) -> None:
        super().__init__(program, graph=program.graph(entry))
        self.calls: list[Call] = []

    def call_function(self, target: Target, args: Any, kwargs: Any) -> Any:
        if isinstance(target, torch._ops.OpOverload) and target.namespace == "qdsl":
            self.calls += _calls(target, args, kwargs)
        return super().call_function(target, args, kwargs)


def _calls(target: torch._ops.OpOverload, args: Any, kwargs: Any) -> list[Call]:
    """One, where an argument is called as weights are and is a buffer of bytes."""
    for place, (about, value) in enumerate(zip(target._schema.arguments, args, strict=False)):
        is_weight = about.name.startswith("weight") and isinstance(value, Tensor)
        if is_weight and value.dtype is torch.uint8:
            return [Call(value, partial(_again, target, args, kwargs, place))]
    return []


@torch.no_grad()
def _again(
    target: torch._ops.OpOverload, args: Any, kwargs: Any, place: int, weight: Tensor
) -> Any:
    return target(*args[:place], weight, *args[place + 1 :], **kwargs)
