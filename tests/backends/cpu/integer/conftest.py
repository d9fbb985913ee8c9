"""Runs integer operations on every instruction set."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest

from qdsl.fx.ops import backend
from qdsl_cpu import _native

Operations = Mapping[str, Callable[..., Any]]


_OWN = {k.rpartition("_")[2] for k in _native.kernels() if k.startswith(("integer", "linear_int8"))}


@pytest.fixture(params=[isa for isa in _native.isas() if isa in _OWN])
def kernels(request: pytest.FixtureRequest) -> Operations:
    """Operations on each instruction set with kernels of its own; two threads for any work."""
    backend("cpu")
    return {n: partial(f, isa=request.param, threads=2) for n, f in _native.integers().items()}
