"""Holds the rounding of activations in training to torch's, in Triton's interpreter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.activations import fake_quantize, fake_quantize_over
from qdsl.fx.numerics import static

pytest.importorskip("triton")
from qdsl_gpu import activations

TYPES = [torch.float32, torch.bfloat16, torch.float16]
types = st.sampled_from(TYPES)
shapes = st.sampled_from([(1,), (70,), (3, 1), (5, 33), (2, 3, 40), (2, 5, 3, 16), (1, 1100)])


def values(shape: tuple[int, ...], type: torch.dtype, seed: int, scale: float = 1.0) -> Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale
    return x.to(type)


def equal(ours: Tensor | None, own: Tensor) -> None:
    assert ours is not None
    assert ours.dtype is own.dtype
    torch.testing.assert_close(ours, own, rtol=0, atol=0, equal_nan=True)


@settings(max_examples=40, deadline=None)
@given(shapes, types, st.integers(0, 99), st.sampled_from([1.0, 1e-38, 3e38]), st.data())
def test_dynamic_rows(
    shape: tuple[int, ...], type: torch.dtype, seed: int, scale: float, data: st.DataObject
) -> None:
    x = values(shape, type, seed, scale).nan_to_num(0, 1, -1)
    every = st.lists(st.integers(0, len(shape) - 1), min_size=1, unique=True)
    for axes in (-1,), tuple(range(1, x.dim())) or (0,), tuple(sorted(data.draw(every))):
        result = data.draw(types) if type is torch.float32 else type
        equal(activations.round_over(x, axes, result), fake_quantize_over(x, axes, result))


def test_long_rows_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activations, "_LONG", 64)
    x = values((3, 5, 70), torch.float32, 1)
    x[1, 2, 3] = float("nan")
    equal(activations.round_over(x, (1, 2), x.dtype), fake_quantize(x, "int8_tensor"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 0.0])
def test_a_row_that_is_not_finite_or_0(value: float) -> None:
    x = values((3, 40), torch.float32, 2)
    x[1] = 0.0
    x[1, 5] = value
    equal(activations.round_over(x, (-1,), x.dtype), fake_quantize(x, "int8_token"))


RANGES = [(-8, 7), (-127, 127), (-128, 127), (0, 255), (0, 3)]


def run(function: object, x: Tensor, *rest: object) -> tuple[Tensor, Tensor]:
    x = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    y = function(x, *rest)  # type: ignore[operator]
    assert y is not None
    generator = torch.Generator().manual_seed(3)
    y.backward(torch.randn(x.shape, generator=generator).to(y.dtype))
    assert x.grad is not None
    return y.detach(), x.grad


@settings(max_examples=40, deadline=None)
@given(shapes, types, st.integers(0, 99), st.sampled_from(RANGES), st.booleans(), types)
def test_static_ranges(
    shape: tuple[int, ...],
    type: torch.dtype,
    seed: int,
    code_range: tuple[int, int],
    has_zero: bool,
    result: torch.dtype,
) -> None:
    low, high = code_range
    x = values(shape, type, seed)
    x.view(-1)[-1] = [1.0, float("inf"), float("nan")][seed % 3]
    scale = torch.tensor([3.0 / (high - low)])
    zero = torch.tensor([float(low + (high - low) // 3)]) if has_zero else None
    given = (scale, zero, code_range, result if type is torch.float32 else type)
    ours, own = (run(f, x, *given) for f in (activations.round_range, static.fake_quantize))
    equal(ours[0], own[0])
    equal(ours[1], own[1])


@settings(max_examples=40, deadline=None)
@given(
    shapes, types, st.integers(0, 99), st.sampled_from(RANGES), st.sampled_from([1.0, 0.1]), types
)
def test_learned_ranges(
    shape: tuple[int, ...],
    type: torch.dtype,
    seed: int,
    code_range: tuple[int, int],
    size: float,
    result: torch.dtype,
) -> None:
    x, found = values(shape, type, seed), []
    result = result if type is torch.float32 else type
    for function in (activations.round_learned, static.learned):
        scale = torch.tensor([size / code_range[1]], requires_grad=True)
        y, gradient = run(function, x, scale, code_range, result)
        assert scale.grad is not None
        found.append((y, gradient, scale.grad))
    for ours, own in zip(*(pair[:2] for pair in found), strict=True):
        equal(ours, own)
    torch.testing.assert_close(found[0][2], found[1][2], rtol=1e-4, atol=1e-4)


def test_values_lie_in_memory_in_any_way() -> None:
    base, scale = values((4, 3, 20), torch.float32, 5), torch.tensor([0.02])
    for x in (base.movedim(1, 2), base[:, 1], base[..., ::2], base[:, :1].expand(4, 3, 20)):
        equal(activations.round_over(x, (-1,), x.dtype), fake_quantize(x, "int8_token"))
        for ours, own in zip(
            run(activations.round_range, x, scale, None, (-8, 7), x.dtype),
            run(static.fake_quantize, x, scale, None, (-8, 7), x.dtype),
            strict=True,
        ):
            equal(ours, own)
        for ours, own in zip(
            run(activations.round_learned, x, scale, (-8, 7), x.dtype),
            run(static.learned, x, scale, (-8, 7), x.dtype),
            strict=True,
        ):
            equal(ours, own)


def test_the_rest_is_left_to_torch() -> None:
    x, one, two = torch.randn(2, 3), torch.ones(1), torch.ones(2, 1)
    assert activations.round_over(torch.randn(2, 0), (-1,), x.dtype) is None
    assert activations.round_over(x.double(), (-1,), x.dtype) is None
    assert activations.round_range(x, two, None, (-8, 7), x.dtype) is None
    assert activations.round_range(torch.randn(0), one, None, (-8, 7), x.dtype) is None
    assert activations.round_learned(x, two, (-8, 7), x.dtype) is None
