"""Integer products on processors against the reference, on every instruction set, to the bit."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.ops import operation
from qdsl_cpu import BACKEND

Draw = Any  # of conftest.py
Given = Callable[[str, Draw], list[tuple[Any, ...]]]
Operations = Mapping[str, Callable[..., Any]]
few = settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize("name", ["linear", "conv", "embedding", "lstm", "gru", "einsum"])
@few
@given(seed=st.integers(0, 2**31), shape=st.lists(st.integers(0, 4), max_size=2))
def test_equal_to_the_reference(
    name: str, seed: int, shape: list[int], draw: Draw, products: Given, kernels: Operations
) -> None:
    reference, own = products(name, draw(seed, list(shape), BACKEND.repack))
    expected = operation(f"integer_{name}", "reference")(*reference)
    found = kernels[name](*own)
    pairs = [(found, expected)] if isinstance(found, Tensor) else zip(found, expected, strict=True)
    for actual, wanted in pairs:
        assert actual.is_contiguous()
        assert torch.equal(actual, wanted)
