"""Times calls on the GPU, in graphs over weights that no cache holds; dry, on the processor."""

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from peers.problem import Call, Contender, Product
from qdsl_gpu import clock
from qdsl_gpu.tuner import copies_of

DRY = "QDSL_BENCH_DRY" in os.environ
DEVICE = torch.device("cpu" if DRY else "cuda")
ROUND = 1e-3  # seconds of replays in a turn
MOST_COPIES = 1024  # of a small weight: launches of a graph
ROWS = 5  # of x in a trial
_INTERPRETER = Path(__file__).parents[3] / "tests" / "backends" / "gpu" / "interpreter.py"


def start(*packages: str) -> dict[str, str]:
    """Versions; raises ImportError or OSError where something is lacking."""
    from importlib.metadata import version

    torch.set_grad_enabled(False)
    if not DRY and not torch.cuda.is_available():
        raise OSError("torch finds no GPU")
    if DRY:
        correct_interpreter()
    return {"torch": torch.__version__, **{name: version(name) for name in packages}}


def correct_interpreter() -> None:
    """What Triton's interpreter gets wrong, kernels are tested without."""
    spec = importlib.util.spec_from_file_location("interpreter", _INTERPRETER)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ImportError:
        return  # no Triton, nor kernels of it
    module.correct()


def cache_bytes() -> int:
    """Of the largest cache; dry, so that two copies are more."""
    return 1 if DRY else clock.cache_bytes()


def clocked(calls: Sequence[Call]) -> Callable[[], float]:
    """What measures the seconds of one of the calls, made one after the other."""
    if DRY:
        return partial(_plain, calls)
    replay = clock.captured(calls)
    replays = max(1, round(ROUND / max(clock.elapsed(replay), 1e-7)))
    return lambda: clock.elapsed(replay, replays) / len(calls)


def _plain(calls: Sequence[Call]) -> float:
    begin = time.perf_counter()
    for call in calls:
        call()
    return (time.perf_counter() - begin) / len(calls)


def copies(bytes: float) -> int:
    """Of a weight, so that each comes from memory."""
    return 2 if DRY else min(MOST_COPIES, copies_of(round(bytes), cache_bytes()))


Multiply = Callable[[Tensor, Any], Tensor]


def product(
    name: str,
    problem: Product,
    bytes: float,
    make: Callable[[], Any],
    multiply: Multiply,
    *,
    dense: Callable[[], Tensor] | None = None,
    tolerance: float = 0.02,
) -> Contender:
    """`multiply(x, weight)` for bf16 x, over copies of the weight that `make` gives.

    `dense` is what the weight stands for, and a result farther from it than `tolerance` is refused.
    """

    def prepare() -> Callable[[int], Call]:
        weight = make()
        if dense is not None:
            _check(lambda x: multiply(x, weight), dense(), tolerance)
        weights = [weight, *(deepcopy(weight) for _ in range(copies(bytes) - 1))]

        def begin(rows: int) -> Call:
            x = torch.randn(rows, problem.inputs, device=DEVICE, dtype=torch.bfloat16)
            return clocked([partial(multiply, x, each) for each in weights])

        return begin

    return Contender(name, bytes, prepare, own_clock=True)


def _check(multiply: Callable[[Tensor], Tensor], dense: Tensor, tolerance: float) -> None:
    x = torch.randn(ROWS, dense.shape[1], device=DEVICE, dtype=torch.bfloat16)
    exact = x.float() @ dense.float().T
    error = float((multiply(x).float() - exact).norm() / exact.norm())
    if not error <= tolerance:
        raise ValueError(f"the result is {error:.2f} from what the weight stands for")


def coded(problem: Product) -> tuple[Tensor, Tensor, Tensor]:
    """A random weight: codes u8 from 0 [N, K], scales bf16 [N, groups], what they stand for."""
    group = problem.group or problem.inputs
    shape, groups = (problem.outputs, problem.inputs), problem.inputs // group
    generator = torch.Generator(DEVICE).manual_seed(0)
    codes = torch.randint(
        1 << problem.bits, shape, generator=generator, device=DEVICE, dtype=torch.uint8
    )
    scales = torch.rand(problem.outputs, groups, generator=generator, device=DEVICE) / 100 + 0.01
    scales = scales.bfloat16()
    dense = (codes.float() - middle(problem)) * scales.float().repeat_interleave(group, 1)
    return codes, scales, dense


def middle(problem: Product) -> float:
    """The code that stands for 0; of one bit, half way."""
    return (1 << problem.bits) / 2 if problem.bits > 1 else 0.5
