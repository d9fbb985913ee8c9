"""Tries the ways to divide a product on this GPU and keeps the fastest; never in a request."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import ceil, inf

from qdsl.target import Call
from qdsl_gpu.dispatch import forget, trial
from qdsl_gpu.measured import Measured
from qdsl_gpu.measured_files import own_folder, triton_version, write
from qdsl_gpu.task import Task, bucket
from qdsl_gpu.tiles import Tiles

Calls = Sequence[Callable[[], object]]
"""The same product with one copy of the weight each."""

Clock = Callable[[Calls], float]
"""Seconds of one of the calls, made one after the other; an exception where it cannot run."""

Refuses = Callable[[Task, Tiles], bool]
"""Whether it is known, from compiling ahead of time, that tiles are not worth trying."""

_FILLS = 4  # times the cache that copies of a weight take: none of it is there when it is read


def copies_of(bytes: int, cache: int) -> int:
    """Weights of so many bytes that are read in turn, so that each comes from memory."""
    return max(1, ceil(_FILLS * cache / max(bytes, 1)))


def nothing_known(task: Task, tiles: Tiles) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Tuner:
    """Times the ways to divide what calls ask of kernels."""

    clock: Clock
    refuses: Refuses = nothing_known

    def rows(self, calls: Calls) -> Iterator[Measured]:
        """One for each task of a call; raises what the clock raises with the usual tiles."""
        with trial({}) as first:
            calls[0]()
        for task, tokens in first.asked.items():
            yield self._row(task, tokens, calls)

    def _row(self, task: Task, tokens: int, calls: Calls) -> Measured:
        """Shapes first, then the splits of the best of them."""
        usual = task.usual(tokens)
        times = {usual: self._seconds(task, usual, calls)}
        self._try(task, task.shapes(tokens), calls, times)
        self._try(task, task.splits(_fastest(times), tokens), calls, times)
        best = _fastest(times)
        us, usual_us = (round(times[tiles] * 1e6, 3) for tiles in (best, usual))
        return Measured(task, bucket(tokens), best, us, usual_us)

    def _try(
        self, task: Task, among: Iterator[Tiles], calls: Calls, times: dict[Tiles, float]
    ) -> None:
        for tiles in among:
            if tiles not in times and not self.refuses(task, tiles):
                times[tiles] = self._attempted(task, tiles, calls)

    def _attempted(self, task: Task, tiles: Tiles, calls: Calls) -> float:
        """Infinity for what does not compile or start: too much shared memory, for one."""
        try:
            return self._seconds(task, tiles, calls)
        except Exception:  # Triton and drivers have many
            return inf

    def _seconds(self, task: Task, tiles: Tiles, calls: Calls) -> float:
        with trial({task: tiles}):
            return self.clock(calls)


def _fastest(times: Mapping[Tiles, float]) -> Tiles:
    return min(times, key=lambda tiles: times[tiles])


def keep(gpu: str, rows: Sequence[Measured]) -> str:
    """Writes rows to the user's file, which is read from now on; its path. Raises OSError."""
    path = write(own_folder(), gpu, triton_version(), rows)
    forget()
    return str(path)


# ---- calls of a program --------------------------------------------------------------------------

_MOST_COPIES = 1024


def tune(calls: Iterable[Call], tuner: Tuner, cache: int, gpu: str) -> Iterator[str]:
    """Tunes what calls ask of kernels, each task once, over copies that exceed a cache.

    A line for each, when it is written to the user's file. Raises OSError.
    """
    done: set[tuple[Task, int]] = set()
    for call in calls:
        with trial({}) as first:
            call.run(call.weight)
        asked = {(task, bucket(tokens)) for task, tokens in first.asked.items()}
        if asked <= done:
            continue
        done |= asked
        copies = min(_MOST_COPIES, copies_of(call.weight.nbytes, cache))
        weights = [call.weight, *(call.weight.clone() for _ in range(copies - 1))]
        rows = [*tuner.rows([partial(call.run, weight) for weight in weights])]
        path = keep(gpu, rows)
        yield from (f"{_line(row)}  {path}" for row in rows)


def _line(row: Measured) -> str:
    layout = row.task.layout
    shape = f"{layout.bits} bits {layout.outputs}x{layout.in_features} M={row.tokens}"
    return f"{row.task.kernel} {shape}  {row.us:.1f} us, {row.usual_us:.1f} by rule"
