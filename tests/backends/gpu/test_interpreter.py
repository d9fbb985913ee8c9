"""Holds the corrected interpreter to torch: bf16 is what tests of kernels rest on."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

pytest.importorskip("triton")
import interpreter
import triton.language as tl
from triton.runtime.interpreter import InterpretedFunction


@InterpretedFunction
def combine(a, b, total, product, wide, N: tl.constexpr) -> None:  # type: ignore[no-untyped-def]
    at = tl.arange(0, N)
    x, y = tl.load(a + at), tl.load(b + at)
    tl.store(total + at, x + y)
    tl.store(product + at, x * 3.0 - y)
    tl.store(wide + at, x.to(tl.float32) + tl.where(x < y, 1.0, 0.0))


@InterpretedFunction
def multiply(a, b, y, N: tl.constexpr) -> None:  # type: ignore[no-untyped-def]
    at = tl.arange(0, N)[:, None] * N + tl.arange(0, N)[None, :]
    tl.store(y + at, tl.dot(tl.load(a + at), tl.load(b + at)))


@InterpretedFunction
def narrow(x, y, N: tl.constexpr) -> None:  # type: ignore[no-untyped-def]
    at = tl.arange(0, N)
    tl.store(y + at, tl.load(x + at).to(tl.bfloat16))


def run(kernel: Any, *arguments: Any) -> None:
    kernel[(1,)](*arguments)


def test_elements_are_rounded_after_every_step() -> None:
    a, b = torch.randn(64).bfloat16(), torch.randn(64).bfloat16()
    total, product, wide = torch.empty_like(a), torch.empty_like(a), torch.empty(64)
    run(combine, a, b, total, product, wide, 64)
    assert torch.equal(total, a + b)
    assert torch.equal(product, (a * 3) - b)
    assert torch.equal(wide, a.float() + (a < b))


def test_products_are_those_of_the_numbers() -> None:
    a, b = torch.randn(16, 16).bfloat16(), torch.randn(16, 16).bfloat16()
    y = torch.empty(16, 16)
    run(multiply, a, b, y, 16)
    assert torch.allclose(y, a.float() @ b.float(), atol=1e-5)


def test_rounding_is_to_nearest_even() -> None:
    bits = torch.arange(0, 1 << 32, 65521, dtype=torch.int64)[:65536]
    ties = torch.arange(0, 32768, dtype=torch.int64) * 65536 + 32768
    for some in (bits, torch.cat([ties, ties])):
        x = some.to(torch.int32).view(torch.float32)
        y = torch.empty(len(x), dtype=torch.bfloat16)
        run(narrow, x, y, len(x))
        expected: Tensor = x.bfloat16()
        assert torch.equal(y.isnan(), expected.isnan())
        assert torch.equal(y[~y.isnan()], expected[~y.isnan()])


def test_bits_and_numbers_are_inverse() -> None:
    every = np.arange(1 << 16).astype(np.uint16)
    numbers = interpreter.to_floats(every)
    same = interpreter.to_bits(numbers) == every
    assert (same | np.isnan(numbers)).all()
