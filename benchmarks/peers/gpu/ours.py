"""Times, checks and tunes the operations of `qdsl::` on the GPU."""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from peers.gpu import device
from peers.gpu.networks import run_of
from peers.gpu.steps import step_of
from peers.problem import Call, Contender, Network, Problem, Product, Training
from peers.weights import weight
from qdsl import load, load_spec
from qdsl.bench.packed import pack_untrained
from qdsl.diagnostic.model import QdslError
from qdsl.fx import reference
from qdsl.fx.ops import backend, operation
from qdsl_gpu import dispatch
from qdsl_gpu.measured_files import triton_version
from qdsl_gpu.refused import on_this_device
from qdsl_gpu.tuner import Tuner, keep, nothing_known

NAME, BACKEND = "qdsl", "gpu"
TYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "int8_token": torch.bfloat16}
ERRORS = {torch.float32: 2e-6, torch.bfloat16: 4e-3}
"""Of an output, beside the largest: sums in f32, rounded to its type."""


def start(threads: int) -> dict[str, str]:
    """Raises OSError where kernels cannot run."""
    versions = device.start()
    try:
        backend(BACKEND)
    except QdslError as failure:
        raise OSError(str(failure)) from failure
    return {**versions, "qdsl": version("qdsl"), "triton": triton_version()}


def contenders(problem: Problem, threads: int) -> Iterator[Contender]:
    """Ours, and beside a sparse weight the dense one."""
    match problem:
        case Product():
            yield _product(NAME, problem)
            if problem.is_sparse:
                yield _product(f"{NAME} {problem.dense.weights}", problem.dense)
        case Network():
            for variant in problem.packed:
                prepare = partial(_network, problem, variant)
                yield Contender(f"{NAME} {variant}", 0, prepare, own_clock=True)
        case Training():
            for variant in (problem.floats, *problem.rounded):
                prepare = partial(step_of, problem, variant)
                yield Contender(variant, 0, prepare, own_clock=True)
        case _:
            return


def _product(name: str, problem: Product) -> Contender:
    make = partial(packed, problem)
    return device.product(name, problem, problem.bytes, make, _multiply(problem))


def packed(problem: Product) -> Tensor:
    return _packed(problem.outputs, problem.inputs, problem.weights, problem.group)


@lru_cache(2)  # the same weight is multiplied with other activations next
def _packed(outputs: int, inputs: int, weights: str, group: int) -> Tensor:
    problem = Product(outputs, inputs, weights, group, "", False)
    return backend(BACKEND).repack(weight(problem)).to(device.DEVICE)


def _multiply(problem: Product) -> Callable[[Tensor, Tensor], Tensor]:
    linear = operation("linear", "default")
    return lambda x, w: linear(x, w, None, problem.outputs, problem.activations)


# ---- checking and tuning -------------------------------------------------------------------------


def check(problem: dict[str, Any], rows: Sequence[int]) -> dict[str, Any]:
    """The largest error of results, beside what it may be; integers are equal or not."""
    asked = Product(**problem)
    canonical, type = weight(asked), TYPES[asked.activations]
    ours = backend(BACKEND).repack(canonical).to(device.DEVICE)
    exact = reference.BACKEND.repack(canonical)
    dense = reference.dequantize(exact, asked.outputs, asked.inputs).double()
    errors = {}
    for count in rows:
        x = torch.randn(count, asked.inputs).to(type)
        y = _multiply(asked)(x.to(device.DEVICE), ours).cpu()
        if asked.activations == "int8_token":
            wanted = reference.linear(x, exact, None, asked.outputs, asked.activations)
            errors[count] = float(not torch.equal(y, wanted.to(type)))
        else:
            sums = x.double() @ dense.T
            errors[count] = float((y.double() - sums).abs().max() / sums.abs().max())
    limit = 0.0 if asked.activations == "int8_token" else ERRORS[type]
    return {"error": max(errors.values()), "limit": limit, "passed": max(errors.values()) <= limit}


def tune(problem: dict[str, Any], rows: int) -> dict[str, Any]:
    """Tries tiles for so many rows and keeps the best in the user's file."""
    asked = Product(**problem)
    x = torch.randn(rows, asked.inputs, device=device.DEVICE, dtype=torch.bfloat16)
    first = packed(asked)
    copies = [first, *(first.clone() for _ in range(device.copies(asked.bytes) - 1))]
    refuses = nothing_known if device.DRY else on_this_device()
    tuner = Tuner(lambda calls: device.clocked(calls)(), refuses)
    found = [*tuner.rows([partial(_multiply(asked), x, each) for each in copies])]
    keep("dry" if device.DRY else dispatch.gpu_name(0), found)
    best = {row.task.kernel: row for row in found}
    return {
        "us": {kernel: row.us for kernel, row in best.items()},
        "usual_us": {kernel: row.usual_us for kernel, row in best.items()},
        "tiles": {kernel: str(row.tiles) for kernel, row in best.items()},
    }


# ---- networks ------------------------------------------------------------------------------------


def _network(problem: Network, variant: str) -> Callable[[int], Call]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "network.qpack"
        pack_untrained(load_spec(problem.spec).variants[variant], path, dict(problem.sizes))
        program = load(path, BACKEND)
    return run_of(program.to(device.DEVICE), problem)
