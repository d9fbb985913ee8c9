"""Holds the rounding of weights in training to torch's, in Triton's interpreter."""

from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.fx.masks import nm_mask
from qdsl.fx.numerics import State, fake_quantize, find_codebook
from qdsl.fx.numerics.quantize import scale_shape
from qdsl.ir.format import (
    NORMAL_FLOATS,
    BinaryGrid,
    CodebookGrid,
    FixedClip,
    FloatGrid,
    FloatType,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    LearnedClip,
    Levels,
    PerChannel,
    PerGroup,
    PerTensor,
    SearchedClip,
    Symmetric,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import NM

pytest.importorskip("triton")
from qdsl_gpu import training

groupings = st.sampled_from([PerChannel(), PerGroup(8), PerGroup(32, short_tail=True), PerTensor()])
types = st.sampled_from(list(FloatType))
results = st.sampled_from([torch.float32, torch.float32, torch.bfloat16, torch.float16])
clips = st.sampled_from([FixedClip(0.6), FixedClip(1.0), SearchedClip()])
grids = st.one_of(
    st.builds(IntegerGrid, bits=st.integers(2, 8), levels=st.sampled_from(list(Levels))),
    st.builds(TernaryGrid, st.sampled_from(["absmean", "threshold"])),
    st.builds(BinaryGrid, st.booleans(), st.sampled_from(["scaled", "identity"])),
    st.builds(CodebookGrid, st.sampled_from([2, 3, 4])),
    st.just(CodebookGrid(4, NORMAL_FLOATS)),
    st.builds(FloatGrid, types),
)


@st.composite
def formats(draw: st.DrawFn) -> WeightFormat:
    zero = draw(st.sampled_from([None, None, IntegerZero(), FloatZero(), FloatZero(FloatType.F16)]))
    if zero is None:
        return WeightFormat("x", draw(grids), draw(groupings), draw(types), clip=draw(clips))
    grid = IntegerGrid(draw(st.integers(2, 8)), draw(st.booleans()))
    return WeightFormat("x", grid, draw(groupings), draw(types), zero, draw(clips))


@dataclass(frozen=True, slots=True)
class Result:
    """Values of a rounding, and the gradients of the weight and of a learned scale."""

    y: Tensor
    weight: Tensor
    scale: Tensor | None


def run(
    function: object, weight: Tensor, format: WeightFormat, state: State, type: torch.dtype
) -> Result:
    weight = weight.clone().requires_grad_()
    learned = isinstance(format.clip, LearnedClip)
    if learned:
        assert state.scale is not None
        state = replace(state, scale=state.scale.clone().requires_grad_())
    y = function(weight, format, state, type)  # type: ignore[operator]
    assert y is not None
    assert y.dtype is type
    generator = torch.Generator().manual_seed(3)
    y.backward(torch.randn(weight.shape, generator=generator).to(type))
    assert weight.grad is not None
    return Result(y.detach(), weight.grad, state.scale.grad if learned else None)


def check(
    weight: Tensor,
    format: WeightFormat,
    state: State,
    exact: bool = True,
    type: torch.dtype = torch.float32,
) -> None:
    """Codes and scales by maxima to the bit, what comes of sums within their rounding."""
    functions = (training.fake_quantize, fake_quantize)
    ours, own = (run(f, weight, format, state, type) for f in functions)
    if exact:
        torch.testing.assert_close(ours.y, own.y, rtol=0, atol=0, equal_nan=True)
    near = 3e-7 if type is torch.float32 else 1e-2
    torch.testing.assert_close(ours.y, own.y, rtol=near, atol=0, equal_nan=True)
    for mine, theirs in ((ours.weight, own.weight), (ours.scale, own.scale)):
        if theirs is None:
            assert mine is None
        else:
            assert mine is not None
            slack = 2e-6 * float(theirs.nan_to_num(0, 0, 0).abs().max())
            torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=slack, equal_nan=True)


def matrix(seed: int, scale: float = 1.0) -> Tensor:
    return torch.randn(5, 72, generator=torch.Generator().manual_seed(seed)) * scale


def state_of(weight: Tensor, format: WeightFormat, mask: Tensor | None) -> State:
    clip = None
    if isinstance(format.clip, SearchedClip) and isinstance(format.grid, IntegerGrid):
        clip = torch.rand(scale_shape(weight.shape, format)) * 0.7 + 0.3
    return State(mask, clip, codebook=find_codebook(weight, format, mask))


@settings(max_examples=50, deadline=None)
@given(
    formats(), st.integers(0, 99), st.sampled_from([1.0, 1.0, 1e-3, 1e4]), st.booleans(), results
)
def test_every_grid(
    format: WeightFormat, seed: int, scale: float, sparse: bool, type: torch.dtype
) -> None:
    weight = matrix(seed, scale)
    half = isinstance(format.grid, IntegerGrid) and format.grid.levels is Levels.HALF
    mask = nm_mask(weight, NM(2, 4)) if sparse and not half else None
    by_sums = isinstance(format.grid, TernaryGrid | BinaryGrid)
    if format.is_float and mask is None and type is torch.float32:
        type = torch.bfloat16  # weights that are f32 stay what they are
    check(weight, format, state_of(weight, format, mask), not by_sums, type)


@settings(max_examples=15, deadline=None)
@given(groupings, types, st.integers(2, 8), st.booleans(), st.integers(0, 99))
def test_learned_scales(
    grouping: PerGroup, type: FloatType, bits: int, sparse: bool, seed: int
) -> None:
    weight = matrix(seed)
    format = WeightFormat("x", IntegerGrid(bits), grouping, type, clip=LearnedClip())
    scale = torch.rand(scale_shape(weight.shape, format)) / 2**bits
    scale[0, 0] = -1.0
    mask = torch.rand(weight.shape) < 0.5 if sparse else None
    check(weight, format, State(mask, scale=scale))


@pytest.mark.parametrize(
    "grid", [TernaryGrid(), TernaryGrid("threshold"), BinaryGrid(), BinaryGrid(center=True)]
)
def test_one_scale_by_means(grid: TernaryGrid, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "_TILE", 64)
    weight = matrix(4)[:2] + 0.3
    check(weight, WeightFormat("x", grid, PerTensor()), State(torch.rand(2, 72) < 0.6), False)


@settings(max_examples=12, deadline=None)
@given(formats(), st.integers(0, 99), st.booleans())
def test_one_scale_for_a_tensor_of_several_parts(
    format: WeightFormat, seed: int, sparse: bool
) -> None:
    if format.is_float:
        return
    half = isinstance(format.grid, IntegerGrid) and format.grid.levels is Levels.HALF
    weight, format = matrix(seed)[:2], replace(format, grouping=PerTensor())
    mask = nm_mask(weight, NM(2, 4)) if sparse and not half else None
    state = state_of(weight, format, mask)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_TILE", 64)
        patch.setattr(training, "_PARTS", 2 + seed % 2)
        check(weight, format, state, not isinstance(format.grid, TernaryGrid | BinaryGrid))
        if isinstance(format.grid, IntegerGrid) and isinstance(format.zero, Symmetric) and not half:
            learned = replace(format, clip=LearnedClip())
            check(weight, learned, State(mask, scale=torch.full((1, 1), 0.3)))


@pytest.mark.parametrize("zero", [Symmetric(), IntegerZero(), FloatZero()])
def test_given_scales_are_constants(zero: Symmetric | IntegerZero | FloatZero) -> None:
    weight, format = matrix(1), WeightFormat("x", IntegerGrid(3), PerGroup(24), zero=zero)
    scale = torch.rand(5, 3) / 4
    offset = None if isinstance(zero, Symmetric) else torch.randint(-2, 3, (5, 3)).float()
    check(weight, format, State(scale=scale, zero=offset))


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize(
    ("grid", "zero"),
    [
        (IntegerGrid(4), Symmetric()),
        (IntegerGrid(4), IntegerZero()),
        (IntegerGrid(4), FloatZero()),
        (IntegerGrid(4, levels=Levels.HALF), Symmetric()),
        (TernaryGrid(), Symmetric()),
        (TernaryGrid("threshold"), Symmetric()),
        (BinaryGrid(), Symmetric()),
        (CodebookGrid(4, NORMAL_FLOATS), Symmetric()),
    ],
)
def test_what_is_not_finite(grid: IntegerGrid, zero: Symmetric, value: float) -> None:
    weight = matrix(2)
    weight[1, 30] = value
    check(weight, WeightFormat("x", grid, PerGroup(24), zero=zero), State(), exact=False)


@pytest.mark.filterwarnings("ignore:invalid value")
@pytest.mark.parametrize("zero", [Symmetric(), IntegerZero(), FloatZero()])
def test_equal_and_dead_groups(zero: Symmetric | IntegerZero | FloatZero) -> None:
    weight = matrix(3)
    weight[0, :24], weight[1, :24], weight[2, :24] = 0.0, 1e-30, -0.25
    weight[3, ::2] = weight[3, 0]
    for type in (FloatType.F32, FloatType.F16):
        check(weight, WeightFormat("x", IntegerGrid(4), PerGroup(24), type, zero), State())
    if isinstance(zero, Symmetric):
        half = IntegerGrid(4, levels=Levels.HALF)
        check(weight, WeightFormat("x", half, PerGroup(24), FloatType.F16), State())


def test_weights_lie_in_memory_in_any_way() -> None:
    format = WeightFormat("x", IntegerGrid(4), PerGroup(8))
    check(torch.randn(72, 5).t(), format, State())
    check(torch.randn(10, 72)[::2], format, State(torch.rand(72, 5).t() < 0.5))


@pytest.mark.parametrize(
    ("format", "weight"),
    [
        (WeightFormat("x", FloatGrid(FloatType.F32)), torch.randn(2, 8)),
        (WeightFormat("x", IntegerGrid(4)), torch.randn(2, 8).double()),
        (WeightFormat("x", IntegerGrid(4)), torch.randn(0, 8)),
        (WeightFormat("x", CodebookGrid(2)), torch.randn(2, 8)),
    ],
)
def test_the_rest_is_left_to_torch(format: WeightFormat, weight: Tensor) -> None:
    assert training.fake_quantize(weight, format, State(), torch.float32) is None
