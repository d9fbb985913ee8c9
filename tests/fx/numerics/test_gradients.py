"""Holds gradients to their written definitions."""

import pytest
import torch

from qdsl.fx.numerics import State, fake_quantize, quantize
from qdsl.ir.format import (
    BinaryGrid,
    FixedClip,
    FloatType,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    Levels,
    PerChannel,
    PerGroup,
    SearchedClip,
    TernaryGrid,
    WeightFormat,
)

ROWS, COLUMNS = 3, 16


def weights() -> torch.Tensor:
    return torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(1))


def gradient(weight, format, upstream, state=State()) -> torch.Tensor:  # noqa: B008
    weight = weight.clone().requires_grad_()
    fake_quantize(weight, format, state).backward(upstream)
    return weight.grad


def upstream() -> torch.Tensor:
    return torch.randn(ROWS, COLUMNS, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("levels", list(Levels))
@pytest.mark.parametrize("scale_type", list(FloatType))
def test_symmetric(levels, scale_type):
    """ŵ = s·q, s = c·max/n: inside δ + (q - w/s)·ds/dw, outside q·ds/dw; stored s for values."""
    weight, given = weights(), upstream()
    format = WeightFormat(
        "x", IntegerGrid(3, levels=levels), PerChannel(), scale_type, clip=FixedClip(0.5)
    )
    found = quantize(weight, format, State())
    shift = 0.5 if levels is Levels.HALF else 0.0
    position = torch.round(weight / found.scale - shift)
    inside = (position >= -4 + (levels is Levels.NARROW)) & (position <= 3)
    assert inside.any()
    assert not inside.all()
    slope = 0.5 / (3.5 if levels is Levels.HALF else 3)
    largest = weight.abs() == weight.abs().amax(1, keepdim=True)
    to_scale = (given * (found.codes + shift - inside * weight / found.scale)).sum(1, keepdim=True)
    expected = given * inside + to_scale * slope * largest * weight.sign()
    torch.testing.assert_close(gradient(weight, format, given), expected)


def test_equal_largest_weights_share_the_gradient_of_the_scale():
    weight = torch.tensor([[2.0, -2.0, 0.3, 0.1]])
    format = WeightFormat("x", IntegerGrid(3), PerChannel())
    given = torch.tensor([[0.0, 0.0, 1.0, 0.0]])
    scale = 2 / 3
    # only ŵ of 0.3 is asked: (q - w/s)·ds/dw with half for each of ±2
    share = (round(0.3 / scale) - 0.3 / scale) / 3 / 2
    expected = torch.tensor([[share, -share, 1.0, 0.0]])
    torch.testing.assert_close(gradient(weight, format, given), expected)


@pytest.mark.parametrize("levels", list(Levels))
def test_weights_that_are_all_0_have_finite_gradients(levels):
    weight = weights()
    weight[1] = 0.0
    format = WeightFormat("x", IntegerGrid(3, levels=levels), PerChannel())
    assert gradient(weight, format, upstream()).isfinite().all()


def test_a_code_that_rounds_to_the_end_passes():
    # 3.4 rounds to 3 = qmax and passes, 3.6 to 4 and does not
    weight = torch.tensor([[3.4, 3.6, 1.0, -4.4, -4.6]])
    state = State(scale=torch.ones(1, 1))
    format = WeightFormat("x", IntegerGrid(3), PerChannel())
    result = gradient(weight, format, torch.ones(1, 5), state)
    assert result.tolist() == [[1, 0, 1, 1, 0]]


@pytest.mark.parametrize("zero", [IntegerZero(), FloatZero()])
def test_asymmetric(zero):
    """Outside, ŵ is an end of the range: c·max or c·min passes its gradient to that weight.

    Inside, δ and the rest of the scale's gradient; both through s = c·(max - min)/15 and z.
    """
    weight, given = weights(), upstream()
    format = WeightFormat("x", IntegerGrid(4), PerChannel(), zero=zero, clip=FixedClip(0.5))
    result = gradient(weight, format, given)
    found = quantize(weight, format, State())
    low, high = weight.amin(1, keepdim=True), weight.amax(1, keepdim=True)
    scale, at_low, at_high = found.scale, weight == low, weight == high
    if isinstance(zero, IntegerZero):
        shift = found.zero
    else:
        shift = found.zero / scale
    position = torch.round(weight / scale + shift)
    inside = (position >= -8) & (position <= 7)
    assert not inside.all()
    if isinstance(zero, IntegerZero):
        # ŵ = s·(q - z) with dq = dw/s - w/s²·ds + dz inside and 0 outside, z = qmin - c·min/s
        by_scale = found.codes - shift - inside * weight / scale
        by_zero = torch.where(inside, 0.0, -scale)
        dz_dlow, dz_ds = -0.5 / scale, 0.5 * low / scale**2
    else:
        # ŵ = s·q - zs with zs = qmin·s - c·min, of which the product with qmin is in by_scale
        by_scale = found.codes - inside * (weight + found.zero) / scale + torch.where(inside, 0, 8)
        by_zero = torch.where(inside, 0.0, -1.0)
        dz_dlow, dz_ds = torch.tensor(-0.5), 0.0
    total_scale = (given * (by_scale + by_zero * dz_ds)).sum(1, keepdim=True)
    total_zero = (given * by_zero).sum(1, keepdim=True)
    expected = given * inside + total_scale * 0.5 / 15 * (at_high * 1.0 - at_low * 1.0)
    expected = expected + total_zero * dz_dlow * at_low
    torch.testing.assert_close(result, expected)


def test_ternary():
    """ŵ = s·q, s = mean|w|: inside δ + (q - w/s)·ds/dw, outside q·ds/dw."""
    weight, given = weights(), upstream()
    format = WeightFormat("x", TernaryGrid())
    found = quantize(weight, format, State())
    inside = torch.round(weight / found.scale).abs() <= 1
    to_scale = (given * (found.codes - inside * weight / found.scale)).sum(1, keepdim=True)
    expected = given * inside + to_scale * weight.sign() / COLUMNS
    torch.testing.assert_close(gradient(weight, format, given), expected)


def test_binary_scaled():
    """ŵ = α·q, α = mean|w| and dq = dw: α·g + Σ(g·q)·sign(w)/n."""
    weight, given = weights(), upstream()
    found = quantize(weight, WeightFormat("x", BinaryGrid()), State())
    total = (given * found.codes).sum(1, keepdim=True)
    expected = found.scale * given + total * weight.sign() / COLUMNS
    result = gradient(weight, WeightFormat("x", BinaryGrid()), given)
    torch.testing.assert_close(result, expected)


def test_binary_identity():
    weight, given = weights(), upstream()
    format = WeightFormat("x", BinaryGrid(ste="identity"), PerGroup(8))
    assert torch.equal(gradient(weight, format, given), given)


def test_pruned_weights_get_no_gradient():
    weight, given = weights(), upstream()
    mask = torch.rand(ROWS, COLUMNS, generator=torch.Generator().manual_seed(3)) < 0.5
    for grid in (IntegerGrid(4), TernaryGrid(), BinaryGrid(), BinaryGrid(center=True)):
        result = gradient(weight, WeightFormat("x", grid), given, State(mask))
        assert not result[~mask].any()
        assert result[mask].any()


def test_frozen_scales_and_searched_clips_are_constants():
    weight, given = weights() / 3, upstream()
    format = WeightFormat("x", IntegerGrid(4), PerChannel(), clip=SearchedClip())
    frozen = State(scale=torch.ones(ROWS, 1))
    assert torch.equal(gradient(weight, format, given, frozen), given)
    clip = torch.full((ROWS, 1), 0.7, requires_grad=True)
    fake_quantize(weight.requires_grad_(), format, State(clip=clip.detach())).sum().backward()
    assert clip.grad is None
