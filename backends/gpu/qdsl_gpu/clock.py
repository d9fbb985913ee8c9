"""Times calls on a GPU: captured in a graph, so that no time of the processor is in it."""

import statistics
from collections.abc import Callable, Sequence

import torch

from qdsl_gpu.counters import borrowed

_ROUNDS = 7
_SECONDS = 2e-3  # of a round: events are good to a microsecond


def seconds(calls: Sequence[Callable[[], object]], rounds: int = _ROUNDS) -> float:
    """Of one of the calls, made one after the other: the median of rounds of replays."""
    with borrowed():
        replay = captured(calls)
        replays = max(1, round(_SECONDS / max(elapsed(replay), 1e-7)))
        found = [elapsed(replay, replays) for _ in range(rounds)]
    return statistics.median(found) / len(calls)


def captured(calls: Sequence[Callable[[], object]]) -> Callable[[], None]:
    """What makes all calls again; each was made before, for what is compiled and read first."""
    side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for call in calls:
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        for call in calls:
            call()
    graph.replay()
    torch.cuda.synchronize()
    return graph.replay


def elapsed(replay: Callable[[], None], times: int = 1) -> float:
    """Seconds of one of so many replays."""
    begin, end = _event(), _event()
    begin.record()
    for _ in range(times):
        replay()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * 1e-3 / times


def _event() -> torch.cuda.Event:
    return torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]


def cache_bytes() -> int:
    """Of the second-level cache."""
    return int(torch.cuda.get_device_properties(torch.cuda.current_device()).L2_cache_size)
