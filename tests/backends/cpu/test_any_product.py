"""Holds integer products of every instruction set to numpy over drawn formats and shapes."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.target import STATIC
from qdsl_cpu import _native

Make = Callable[..., Any]
ISAS = _native.isas()

shared = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def formats(draw: st.DrawFn) -> dict[str, Any]:
    """Any that a weight may have, as the fields of `Format`."""
    group = draw(st.sampled_from((0, 1, 7, 8, 32, 33, 64, 96, 128)))
    pattern = draw(st.sampled_from((None, (2, 4), (1, 4), (3, 5), (4, 8))))
    if pattern is not None:
        group = group // pattern[1] * pattern[1]
    kind = draw(st.sampled_from(("integer", "integer", "integer", "ternary", "base3", "binary")))
    given: dict[str, Any] = {"kind": kind, "group": group, "pattern": pattern}
    if kind != "integer":
        return {**given, "bits": 1 if kind == "binary" else 2}
    given["bits"] = draw(st.integers(2, 8))
    given["signed"] = draw(st.booleans())
    zeros = ("none", "int") if pattern else ("none", "int", "float")
    given["zero"] = draw(st.sampled_from(zeros))
    dense = pattern is None and given["signed"] and given["zero"] == "none"
    given["half"] = dense and given["bits"] < 8 and draw(st.booleans())
    return given


@st.composite
def weights(draw: st.DrawFn, make: Make, make_format: Make) -> Any:
    return make(
        make_format(**draw(formats())),
        draw(st.integers(1, 150)),
        draw(st.integers(1, 300)),
        seed=draw(st.integers(0, 99)),
        extreme=draw(st.booleans()),
        stored=draw(st.sampled_from((torch.float32, torch.float16, torch.bfloat16))),
    )


def values(rows: int, columns: int, seed: int, extreme: bool) -> Tensor:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, columns)).astype(np.float32)
    return torch.from_numpy(np.sign(x) * np.float32(2.5) if extreme else x)


def assert_same(actual: Tensor, expected: Any) -> None:
    np.testing.assert_array_equal(actual.numpy(), expected)


@settings(shared, max_examples=60)
@given(data=st.data())
def test_dynamic_activations(
    data: st.DataObject, make_weight: Make, make_format: Make, linear: Make, reference: Make
) -> None:
    weight = data.draw(weights(make_weight, make_format))
    rows, gap, seed = data.draw(st.tuples(st.integers(0, 40), st.integers(0, 3), st.integers(0, 9)))
    x = values(rows, weight.in_features + gap, seed, data.draw(st.booleans()))
    for row in data.draw(st.sets(st.integers(0, max(rows - 1, 0)), max_size=2)) if rows else ():
        x[row, seed % weight.in_features] = float(
            data.draw(st.sampled_from(("nan", "inf", "-inf")))
        )
    x = x[:, : weight.in_features]
    expected = reference(x.numpy(), weight, None, tensor=False)
    threads = data.draw(st.sampled_from((1, 2, 3)))
    for isa in ISAS:
        assert_same(linear(x, weight, "int8_token", isa, threads=threads), expected)


def codes_in(x: Tensor, range: tuple[float, int, int, int]) -> Any:
    """Of the range, less its zero, and the step of each row: NaN where a value is."""
    scale, zero, low, high = np.float32(range[0]), *range[1:]
    shifted = x.numpy() / scale + np.float32(zero)
    codes = np.clip(np.rint(np.nan_to_num(shifted, nan=0)), low, high).astype(np.int64) - zero
    bad = np.isnan(x.numpy()).any(axis=1, keepdims=True)
    return np.where(bad, 0, codes), np.where(bad, np.float32(np.nan), scale).astype(np.float32)


@settings(shared, max_examples=60)
@given(data=st.data())
def test_static_ranges(
    data: st.DataObject, make_weight: Make, make_format: Make, linear: Make, product: Make
) -> None:
    weight = data.draw(weights(make_weight, make_format))
    word = data.draw(st.sampled_from(("uint8_static", "int8_static_full", *STATIC)))
    low, high = STATIC[word]
    zero = data.draw(st.one_of(st.sampled_from((low, high)), st.integers(low, high)))
    range = (data.draw(st.sampled_from((2**-6, 0.013))), zero, low, high)
    rows, extreme = data.draw(st.tuples(st.integers(1, 17), st.booleans()))
    x = values(rows, weight.in_features, abs(zero), extreme) * (100 if extreme else 1)
    if data.draw(st.booleans()):
        x[0, -1] = float("nan")
        x[rows - 1, 0] = float("-inf")
    expected = product(*codes_in(x, range), weight, None)
    for isa in ISAS:
        assert_same(linear(x, weight, word, isa, range=range[:2]), expected)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("zero", [0, 128, 255])
def test_ends_of_every_range_of_long_rows(
    bits: int, zero: int, make_weight: Make, make_format: Make, linear: Make, product: Make
) -> None:
    """Sums up to 2^16 * 255 * 255, which leave 32 bits at the widest."""
    kind = "binary" if bits == 1 else "integer"
    format = make_format(kind=kind, bits=bits, signed=bits == 1)
    weight = make_weight(format, 3, 2**16, extreme=True)
    x = torch.full((2, 2**16), 1000.0)
    x[1] = -1000.0
    expected = product(*codes_in(x, (0.5, zero, 0, 255)), weight, None)
    for isa in ISAS:
        assert_same(linear(x, weight, "uint8_static", isa, range=(0.5, zero)), expected)
