"""Times a graph node by node."""

from statistics import median
from time import perf_counter_ns
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import Argument, Target

from qdsl.bench.clock import Wait, wait_for
from qdsl.bench.work import Fact
from qdsl.fx.program import Program

_EMPTY_CALLS = 1000


class Timed(fx.Interpreter):
    """Runs an entry and keeps the nanoseconds of each node's own call, what calls it left out."""

    def __init__(self, program: Program, entry: str) -> None:
        super().__init__(program, graph=program.graph(entry))
        self.nanoseconds: dict[str, int] = {}
        self._wait = wait_for(program.device)
        self._last = 0

    def run_node(self, n: fx.Node) -> Any:
        self._last = 0
        result = super().run_node(n)
        if n.op not in ("placeholder", "output"):
            self.nanoseconds[n.name] = self._last
        return result

    def call_function(self, target: Target, args: tuple[Argument, ...], kwargs: Any) -> Any:
        assert callable(target)
        begin = perf_counter_ns()
        result = target(*args, **kwargs)
        self._wait()
        self._last = perf_counter_ns() - begin
        return result

    def call_method(self, target: Target, args: tuple[Argument, ...], kwargs: Any) -> Any:
        subject, *others = args
        method = getattr(subject, str(target))
        begin = perf_counter_ns()
        result = method(*others, **kwargs)
        self._wait()
        self._last = perf_counter_ns() - begin
        return result


class _Looking(fx.Interpreter):
    """Runs an entry and keeps what is to be known of each value."""

    def __init__(self, program: Program, entry: str) -> None:
        super().__init__(program, graph=program.graph(entry))
        self.facts: dict[str, Fact] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        tensors = [t for t in _flat(result) if isinstance(t, Tensor)]
        shape = tuple(tensors[0].shape) if tensors else ()
        self.facts[n.name] = Fact(shape, sum(t.numel() * t.element_size() for t in tensors))
        return result


def facts(program: Program, entry: str, inputs: list[Tensor | None]) -> dict[str, Fact]:
    """Of each node of the entry's graph, by its name."""
    looking = _Looking(program, entry)
    with torch.no_grad():
        looking.run(*inputs)
    return looking.facts


def node_seconds(
    program: Program, entry: str, inputs: list[Tensor | None], runs: int
) -> dict[str, float]:
    """Seconds of each node, the median of so many runs less what a call of nothing takes."""
    timed = Timed(program, entry)
    found: dict[str, list[int]] = {}
    with torch.no_grad():
        for _ in range(runs):
            timed.run(*inputs)
            for name, nanoseconds in timed.nanoseconds.items():
                found.setdefault(name, []).append(nanoseconds)
    nothing = empty_nanoseconds(wait_for(program.device))
    return {name: max(0.0, median(times) - nothing) * 1e-9 for name, times in found.items()}


def empty_nanoseconds(wait: Wait) -> float:
    """What is measured of a call that does nothing, in the same way."""

    def nothing() -> None:
        return None

    times = []
    for _ in range(_EMPTY_CALLS):
        begin = perf_counter_ns()
        nothing(*(), **{})
        wait()
        times.append(perf_counter_ns() - begin)
    return median(times)


def _flat(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)
