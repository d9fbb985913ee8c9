"""Holds the observation of static ranges to torch's, in Triton's interpreter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx import agreed
from qdsl.fx.numerics import static
from qdsl.ir.format import IntegerGrid, IntegerZero, Levels, StaticFormat, Symmetric

pytest.importorskip("triton")
from qdsl_gpu import observing

types = st.sampled_from([torch.float32, torch.bfloat16, torch.float16])


def range_of(low: float, high: float) -> tuple[Tensor, Tensor]:
    return torch.tensor(low), torch.tensor(high)


@settings(max_examples=25, deadline=None)
@given(types, st.integers(1, 300), st.integers(0, 99), st.sampled_from([0.99, 0.9, 0.0]))
def test_a_range_follows(type: torch.dtype, size: int, seed: int, momentum: float) -> None:
    x = torch.randn(size, generator=torch.Generator().manual_seed(seed)) + seed % 5 - 2
    x = x.to(type)
    x[seed % size] = [1.0, float("inf"), -float("inf"), float("nan")][seed % 4]
    ours, own = range_of(-0.7, 1.3), range_of(-0.7, 1.3)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observing, "_TILE", 32)
        patch.setattr(observing, "_PARTS", 1 + seed % 7)
        assert observing.observe(x, *ours, momentum)
    for end, new in zip(own, agreed.extremes(x), strict=True):
        end.mul_(momentum).add_(new * (1 - momentum))
    assert ours == own


def test_values_lie_in_memory_in_any_way() -> None:
    base = torch.randn(4, 6, 10)
    for x in (base.movedim(1, 2), base[:, 1], base[..., ::2], base[:1].expand(4, 6, 10)):
        ours = range_of(0.0, 0.0)
        assert observing.observe(x, *ours, 0.0)
        assert ours == (x.min(), x.max())


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([IntegerGrid(8, True, Levels.NARROW), IntegerGrid(4), IntegerGrid(8, False)]),
    st.booleans(),
    st.floats(-4, 4, width=32),
    st.floats(-4, 4, width=32),
)
def test_scales(grid: IntegerGrid, has_zero: bool, a: float, b: float) -> None:
    format = StaticFormat(grid, IntegerZero() if has_zero else Symmetric())
    ends = range_of(min(a, b), max(a, b))
    found = observing.scale_and_zero(*ends, format)
    assert found is not None
    scale, zero = static.scale_and_zero(*ends, format)
    assert torch.equal(found[0], scale.view(1))
    assert (zero is None) == (found[1] is None)
    if zero is not None:
        assert torch.equal(found[1], zero.view(1))


def test_the_rest_is_left_to_torch() -> None:
    low, high = range_of(0.0, 1.0)
    assert not observing.observe(torch.randn(3).double(), low, high, 0.9)
    assert not observing.observe(torch.randn(0), low, high, 0.9)
    assert (
        observing.scale_and_zero(torch.zeros(2), torch.ones(2), StaticFormat(IntegerGrid(8)))
        is None
    )
