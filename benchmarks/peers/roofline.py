"""Measures reading memory and multiplying registers: the limits that products are held to."""

from collections.abc import Callable, Iterator

from peers.problem import Contender, Problem, Product
from qdsl.target import Peak
from qdsl_cpu.backend import BACKEND

TRIES = 3  # a limit is the best of them: something may always come in between
OPERANDS = {"int8_token": "int8", "bf16": "bf16", "f32": "f32"}


def start(threads: int) -> dict[str, str]:
    """Raises ImportError where the kernels are not built."""
    BACKEND.peaks()
    return {}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    """`read` takes the seconds of a byte, `products` those of an operation."""
    if not isinstance(problem, Product):
        return
    size = problem.bytes * problem.copies(problem.bytes)
    yield _contender("read", lambda: BACKEND.bandwidth(size, threads))
    if peak := _peak(OPERANDS[problem.activations], threads):
        yield _contender("products", lambda: BACKEND.rate(peak, threads))


def _peak(operands: str, threads: int) -> Peak | None:
    """The fastest of what multiplies such operands."""
    peaks = [peak for peak in BACKEND.peaks() if peak.operands == operands]
    return max(peaks, key=lambda peak: BACKEND.rate(peak, threads), default=None)


def _contender(name: str, rate: Callable[[], float]) -> Contender:
    def seconds() -> float:
        return 1 / max(rate() for _ in range(TRIES))

    return Contender(name, 0, lambda: lambda rows: seconds, own_clock=True)
