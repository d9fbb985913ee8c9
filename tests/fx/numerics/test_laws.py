"""Holds the quantizers to their laws: round trips, formulas, kept statistics."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.fx.masks import nm_mask
from qdsl.fx.numerics import (
    State,
    dequantize,
    find_codebook,
    initial_scale,
    quantize,
    search_clip,
)
from qdsl.fx.numerics.clip import CLIPS
from qdsl.ir.format import (
    NORMAL_FLOATS,
    BinaryGrid,
    ClipPer,
    CodebookGrid,
    FixedClip,
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
from qdsl.ir.pattern import NM, Dense

integer_grids = st.builds(IntegerGrid, bits=st.integers(2, 8), levels=st.sampled_from(list(Levels)))
groupings = st.sampled_from([PerTensor(), PerChannel(), PerGroup(4), PerGroup(8, short_tail=True)])
zeros = st.sampled_from([Symmetric(), IntegerZero(), FloatZero(), FloatZero(FloatType.F16)])


CLIP_KINDS = [FixedClip(0.6), FixedClip(1.0), SearchedClip(), LearnedClip()]


@st.composite
def formats(draw: st.DrawFn) -> WeightFormat:
    grid = draw(
        st.one_of(
            integer_grids,
            st.builds(TernaryGrid, st.sampled_from(["absmean", "threshold"])),
            st.builds(BinaryGrid),
            st.sampled_from([CodebookGrid(bits) for bits in (2, 3, 4)]),
            st.just(CodebookGrid(4, NORMAL_FLOATS)),
        )
    )
    half = isinstance(grid, IntegerGrid) and grid.levels is Levels.HALF
    zero = draw(zeros) if isinstance(grid, IntegerGrid) and not half else Symmetric()
    if not isinstance(zero, Symmetric):
        grid = IntegerGrid(grid.bits)
    sparse = not half and not isinstance(zero, FloatZero)
    return WeightFormat(
        "x",
        grid,
        draw(groupings),
        draw(st.sampled_from(list(FloatType))),
        zero,
        draw(st.sampled_from(CLIP_KINDS if isinstance(zero, Symmetric) else CLIP_KINDS[:3])),
        draw(st.sampled_from([Dense(), NM(2, 4)])) if sparse else Dense(),
    )


def state_of(weight: torch.Tensor, format: WeightFormat, mask: torch.Tensor | None) -> State:
    """What a quantizer would have found."""
    whole = isinstance(format.grid, IntegerGrid)
    searched = whole and isinstance(format.clip, SearchedClip)
    learned = whole and isinstance(format.clip, LearnedClip)
    return State(
        mask,
        search_clip(weight, format, mask) if searched else None,
        initial_scale(weight, format, mask) if learned else None,
        codebook=find_codebook(weight, format, mask),
    )


def matrix(seed: int, scale: float = 1.0, shape: tuple[int, int] = (5, 12)) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator) * scale


@settings(max_examples=150, deadline=None)
@given(formats(), st.integers(0, 10**6), st.sampled_from([1e-3, 1.0, 50.0]))
def test_what_codes_stand_for_has_these_codes(format, seed, scale):
    weight = matrix(seed, scale)
    mask = nm_mask(weight, format.pattern) if isinstance(format.pattern, NM) else None
    first = quantize(weight, format, state_of(weight, format, mask))
    frozen = State(mask, scale=first.scale, zero=first.zero, codebook=first.codebook)
    again = quantize(dequantize(first, format, mask), format, frozen)
    kept = torch.ones_like(weight, dtype=torch.bool) if mask is None else mask
    assert torch.equal(again.codes[kept], first.codes[kept])
    assert torch.equal(again.scale, first.scale)
    assert first.zero is None or torch.equal(again.zero, first.zero)


@settings(max_examples=100, deadline=None)
@given(formats(), st.integers(0, 10**6))
def test_pruned_weights_are_zero_and_count_for_nothing(format, seed):
    weight = matrix(seed)
    mask = nm_mask(weight, NM(2, 4))
    other = torch.where(mask, weight, 1e9)
    found = quantize(weight, format, state_of(weight, format, mask))
    other = quantize(other, format, state_of(other, format, mask))
    assert torch.equal(found.codes[mask], other.codes[mask])
    assert torch.equal(found.scale, other.scale)
    assert not dequantize(found, format, mask)[~mask].any()


def groups_of(weight: np.ndarray, size: int) -> list[np.ndarray]:
    return [row[i : i + size] for row in weight for i in range(0, len(row), size)]


@pytest.mark.parametrize("levels", list(Levels))
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_symmetric_formula(levels, bits):
    weight = matrix(bits).numpy()
    format = WeightFormat("x", IntegerGrid(bits, levels=levels), PerGroup(8, True))
    found = quantize(torch.from_numpy(weight), format, State())
    half = levels is Levels.HALF
    steps = np.float32(2 ** (bits - 1) - (0.5 if half else 1))
    low = -(2 ** (bits - 1)) + (levels is Levels.NARROW)
    for part, scale, codes in zip(
        groups_of(weight, 8),
        found.scale.flatten().numpy(),
        groups_of(found.codes.numpy(), 8),
        strict=True,
    ):
        expected = np.abs(part).max() / steps
        assert scale == expected
        shift = np.float32(0.5) if half else np.float32(0)
        rounded = np.rint(part / expected - shift)  # numpy rounds half to even
        assert (codes == rounded.clip(low, 2 ** (bits - 1) - 1)).all()


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("clip", [1.0, 0.5])
def test_asymmetric_formula(signed, clip):
    weight = matrix(3).abs().numpy() + np.float32(0.1)  # the range is made to contain 0
    format = WeightFormat(
        "x", IntegerGrid(4, signed), PerChannel(), zero=IntegerZero(), clip=FixedClip(clip)
    )
    found = quantize(torch.from_numpy(weight), format, State())
    low = -8 if signed else 0
    scale = np.float32(clip) * weight.max(1) / np.float32(15)
    assert (found.scale[:, 0].numpy() == scale).all()
    assert (found.zero == low).all()
    position = np.rint(weight / scale[:, None] + low)
    assert (found.codes.numpy() == position.clip(low, low + 15)).all()


def test_float_zero_is_the_stored_product():
    weight = matrix(4)
    format = WeightFormat("x", IntegerGrid(2), PerChannel(), zero=FloatZero(FloatType.F16))
    found = quantize(weight, format, State())
    low, high = weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    scale = (high - low) / 3
    stored = (-2 * scale - low).half().float()
    assert torch.equal(found.zero, stored)
    codes = torch.round(weight / scale + stored / scale).clamp(-2, 1)
    assert torch.equal(found.codes, codes)
    assert torch.equal(dequantize(found, format, None), scale * codes - stored)


def test_ternary_and_binary_formulas():
    weight = matrix(5)
    mean = weight.double().abs().mean(1, keepdim=True).float()
    absmean = quantize(weight, WeightFormat("x", TernaryGrid()), State())
    assert torch.equal(absmean.scale, mean)
    assert torch.equal(absmean.codes, torch.round(weight / mean).clamp(-1, 1))
    threshold = quantize(weight, WeightFormat("x", TernaryGrid("threshold")), State())
    above = weight.abs() > 0.7 * mean
    for row in range(5):
        kept = weight[row][above[row]].double().abs().mean().float()
        assert threshold.scale[row, 0] == kept
    assert torch.equal(threshold.codes, weight.sign() * above)
    weight[0, 0] = 0
    mean = weight.double().abs().mean(1, keepdim=True).float()
    binary = quantize(weight, WeightFormat("x", BinaryGrid()), State())
    assert torch.equal(binary.scale, mean)
    assert torch.equal(binary.codes, torch.where(weight < 0, -1.0, 1.0))


def test_centered_binary_leaves_the_mean_out():
    weight = matrix(6) + 3
    format = WeightFormat("x", BinaryGrid(center=True))
    found = quantize(weight, format, State())
    rest = weight - weight.double().mean(1, keepdim=True).float()
    assert torch.equal(found.codes, torch.where(rest < 0, -1.0, 1.0))
    assert torch.equal(found.scale, rest.double().abs().mean(1, keepdim=True).float())


def test_halves_round_to_even():
    format = WeightFormat("x", IntegerGrid(8), PerTensor())
    weight = torch.tensor([[0.5, 1.5, 2.5, -0.5, -1.5, 127.0]])
    assert quantize(weight, format, State()).codes.tolist() == [[0, 2, 2, 0, -2, 127]]


@pytest.mark.parametrize("scale", list(FloatType))
@pytest.mark.parametrize(
    ("grid", "zero"),
    [
        (IntegerGrid(4), Symmetric()),
        (IntegerGrid(4, levels=Levels.HALF), Symmetric()),
        (IntegerGrid(4), IntegerZero()),
        (IntegerGrid(4), FloatZero()),
        (TernaryGrid(), Symmetric()),
        (BinaryGrid(), Symmetric()),
    ],
)
def test_weights_too_small_for_a_scale_become_zero(grid, zero, scale):
    # below half of the smallest f16, and 0 itself
    for value in (1e-12, 0.0) if scale is FloatType.F16 else (0.0,):
        format = WeightFormat("x", grid, PerChannel(), scale, zero)
        found = quantize(torch.full((2, 4), value), format, State())
        assert not dequantize(found, format, None).any()
        if isinstance(grid, IntegerGrid):
            assert not found.codes.any()
            assert (found.scale == (grid.levels is not Levels.HALF)).all()


def test_means_are_summed_in_float64():
    weight = torch.full((1, 1 << 20), 0.1)
    weight[0, 0] = 3e4
    found = quantize(weight, WeightFormat("x", BinaryGrid()), State())
    assert found.scale.item() == np.float32(weight.numpy().astype(np.float64).mean())


@pytest.mark.parametrize("norm", [1, 2, 4])
@pytest.mark.parametrize(("per", "axes"), [("scale", ()), ("channel", (1,)), ("tensor", (0, 1))])
def test_search_minimizes_the_norm_over_what_shares_a_clip(per, axes, norm):
    weight = matrix(8, shape=(4, 16)) ** 3  # with weights far from the others
    format = WeightFormat(
        "x", IntegerGrid(2), PerGroup(8), zero=IntegerZero(), clip=SearchedClip(norm, ClipPer(per))
    )
    errors = []
    for coefficient in CLIPS:
        state = State(clip=torch.full((4, 2), coefficient))
        result = dequantize(quantize(weight, format, state), format, None)
        errors.append((result - weight).double().abs().pow(norm).reshape(4, 2, 8).sum(-1))
    total = torch.stack(errors)
    total = total.sum([a + 1 for a in axes], keepdim=True) if axes else total
    expected = torch.tensor(CLIPS)[total.argmin(0)].expand(4, 2)
    assert torch.equal(search_clip(weight, format, None), expected)
    assert (expected < 1).any()


def test_a_learned_scale_starts_where_the_error_is_least():
    calm, wild = matrix(9, shape=(1, 2048)), matrix(9, shape=(1, 2048))
    wild[0, 0] = 12.0  # which no clip from 0.3 on is rid of
    format = WeightFormat("x", IntegerGrid(2), clip=LearnedClip())
    for weight, lsq in ((calm, False), (wild, True)):
        start = initial_scale(weight, format, None)
        mean = 2 * weight.double().abs().mean(1, keepdim=True).float()
        assert torch.equal(start, mean) == lsq
        found = dequantize(quantize(weight, format, State(scale=start)), format, None)
        other = dequantize(quantize(weight, format, State(scale=mean)), format, None)
        assert (found - weight).norm() <= (other - weight).norm()


def test_a_learned_scale_is_positive_and_rounded_to_its_type():
    format = WeightFormat("x", IntegerGrid(4), scale=FloatType.F16, clip=LearnedClip())
    given = torch.tensor([[-1.0], [0.0], [0.1]])
    found = quantize(matrix(1, shape=(3, 4)), format, State(scale=given))
    assert found.scale.flatten().tolist() == [2.0**-24, 2.0**-24, 0.0999755859375]


def test_normal_floats_round_to_the_nearest_value():
    weight = matrix(10)
    format = WeightFormat("x", CodebookGrid(4, NORMAL_FLOATS), PerGroup(4))
    found = quantize(weight, format, State())
    top = weight.reshape(5, 3, 4).abs().amax(-1)
    assert torch.equal(found.scale, top)
    values, wide = torch.tensor(NORMAL_FLOATS), top.repeat_interleave(4, 1)
    nearest = ((weight / wide)[..., None] - values).abs().argmin(-1)
    assert torch.equal(found.codes, nearest.float())
    assert torch.equal(dequantize(found, format, None), wide * values[nearest])
    assert quantize(torch.zeros(1, 4), format, State()).codes.tolist() == [[7.0] * 4]


@pytest.mark.parametrize("pattern", [Dense(), NM(2, 4)])
def test_k_means_is_where_neither_values_nor_codes_move(pattern):
    weight = matrix(11, shape=(16, 32))
    mask = nm_mask(weight, pattern) if isinstance(pattern, NM) else None
    format = WeightFormat("x", CodebookGrid(3), PerChannel(), pattern=pattern)
    values = find_codebook(weight, format, mask)
    found = quantize(weight, format, State(mask, codebook=values))
    kept = torch.ones_like(weight, dtype=torch.bool) if mask is None else mask
    positions, codes = (weight / found.scale)[kept].double(), found.codes[kept]
    means = [positions[codes == i].mean().float() for i in range(8)]
    torch.testing.assert_close(values, torch.stack(means), rtol=0, atol=1e-6)
    assert torch.equal(values, values.sort().values)
    shuffled = weight.flip(0)
    assert torch.equal(
        find_codebook(shuffled, format, None if mask is None else mask.flip(0)), values
    )


def test_k_means_of_few_values_finds_them():
    weight = torch.tensor([[1.0, -0.5, 0.25, 1.0, 1.0, 1.0, 1.0, 1.0]])
    values = find_codebook(weight, WeightFormat("x", CodebookGrid(2)), None)
    assert set(values.tolist()) == {-0.5, 0.25, 1.0}
    nothing = torch.zeros_like(weight, dtype=torch.bool)
    assert not find_codebook(weight, WeightFormat("x", CodebookGrid(2)), nothing).any()


@pytest.mark.parametrize("pattern", [Dense(), NM(2, 4)])
def test_search_finds_the_least_squared_error_per_scale(pattern):
    weight = matrix(7, shape=(3, 16))
    format = WeightFormat("x", IntegerGrid(2), PerGroup(8), clip=SearchedClip(), pattern=pattern)
    mask = nm_mask(weight, pattern) if isinstance(pattern, NM) else None
    target = weight if mask is None else weight * mask
    errors = []
    for coefficient in CLIPS:
        clip = torch.full((3, 2), coefficient)
        result = dequantize(quantize(weight, format, State(mask, clip)), format, mask)
        errors.append((result - target).double().square().reshape(3, 2, 8).sum(-1))
    best = torch.stack(errors).argmin(0)
    expected = torch.tensor(CLIPS)[best]
    found = search_clip(weight, format, mask)
    assert torch.equal(found, expected)
    assert (found < 1).any()
    assert CLIPS[0] == 1
    assert CLIPS[-1] == pytest.approx(0.3)
