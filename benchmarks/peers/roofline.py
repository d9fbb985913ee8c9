"""Times reading memory and multiplying registers: the limits that products are held to."""

import ctypes
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from peers.problem import Call, Contender, Problem, Product

SOURCE = Path(__file__).with_suffix(".cc")
BUILT = SOURCE.parents[2] / "build" / "roofline.so"
FLAGS = ("-O3", "-march=native", "-fopenmp", "-shared", "-fPIC")
KINDS = {"int8_token": 0, "bf16": 1, "f32": 2}
REPEATS = 1 << 16  # products of registers in a call: about a third of a millisecond
SHORTEST = 1 << 22  # bytes that a call reads at least, in several sweeps of a small memory


def start(threads: int) -> dict[str, str]:
    """Compiles what is measured; raises OSError where there is no compiler."""
    if not BUILT.exists() or BUILT.stat().st_mtime < SOURCE.stat().st_mtime:
        compiler = shutil.which("c++")
        if compiler is None:
            raise OSError("no C++ compiler: fractions of the limits are left out")
        BUILT.parent.mkdir(exist_ok=True)
        subprocess.run([compiler, *FLAGS, str(SOURCE), "-o", str(BUILT)], check=True)
    return {}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    """`read` takes the seconds of a byte, `products` those of an operation."""
    if not isinstance(problem, Product):
        return
    library = ctypes.CDLL(str(BUILT))
    library.roofline_memory.restype = ctypes.c_void_p
    library.roofline_operations.restype = ctypes.c_double
    size = problem.bytes * problem.copies(problem.bytes)
    sweeps = max(1, SHORTEST // size)

    def read() -> Callable[[int], Call]:
        memory = ctypes.c_void_p(_memory(library, size))
        arguments = (memory, ctypes.c_int64(size), threads, ctypes.c_int64(sweeps))
        return lambda rows: partial(library.roofline_read, *arguments)

    kind = KINDS[problem.activations]
    operations = library.roofline_operations(kind, ctypes.c_int64(REPEATS)) * threads
    arguments = (kind, threads, ctypes.c_int64(REPEATS))
    yield Contender("read", size, read, size * sweeps)
    if operations:
        call = partial(library.roofline_products, *arguments)
        yield Contender("products", 0, lambda: lambda rows: call, int(operations))


_held: dict[int, int] = {}


def _memory(library: ctypes.CDLL, size: int) -> int:
    """The largest memory so far: problems share it."""
    found = next((address for held, address in _held.items() if held >= size), 0)
    if not found:
        found = library.roofline_memory(ctypes.c_int64(size))
        if not found:
            raise OSError("not enough memory")
        _held[size] = found
    return found
