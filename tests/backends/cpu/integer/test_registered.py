"""Which operations on integers the processor has, and how they are called from a graph."""

import torch

from qdsl.fx.integer.registered import integers
from qdsl.fx.ops import backend, operation
from qdsl_cpu import _native


def test_all_but_one_have_kernels() -> None:
    # a truth times a number is torch's own
    assert {*integers()} - {f"integer_{n}" for n in _native.integers()} == {"integer_from_truth"}


def test_a_graph_calls_them() -> None:
    backend("cpu")
    x = torch.arange(-6, 6).to(torch.int16).view(3, 4).t()
    by = torch.tensor(1 << 30, dtype=torch.int32), torch.tensor(29, dtype=torch.int32)
    found = operation("integer_requantize", "default")(x, *by)
    assert torch.equal(found, 2 * x)
    assert found.is_contiguous()
    meta = operation("integer_requantize", "default")(x.to("meta"), *by)
    assert meta.stride() == found.stride()
