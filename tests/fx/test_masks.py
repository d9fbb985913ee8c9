"""Holds masks to their definition: N:M, shares, what rises, ties, and what they rank by."""

from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.fx.masks import choose, is_whole, nm_mask, share_mask
from qdsl.fx.scores import score
from qdsl.ir.pattern import NM, Dense, Unstructured

RATIOS = st.integers(2, 9).flatmap(lambda m: st.tuples(st.integers(1, m - 1), st.just(m)))


@st.composite
def matrices(draw, multiple=1):
    """Small integers, so that many are equal."""
    shape = (draw(st.integers(1, 4)), multiple * draw(st.integers(1, 5)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1 << 16)))
    return torch.randint(-3, 4, shape, generator=generator).float()


def kept_of(values, count):
    """The `count` largest of a list, of equal ones the first, as flags."""
    order = sorted(range(len(values)), key=lambda i: (-abs(values[i]), i))
    return [i in order[:count] for i in range(len(values))]


@settings(max_examples=60, deadline=None)
@given(ratio=RATIOS, data=st.data())
def test_of_every_group_the_largest_stay_of_equal_ones_the_first(ratio, data):
    kept, group = ratio
    weight = data.draw(matrices(group))
    mask = nm_mask(weight, NM(kept, group))
    groups = weight.reshape(-1, group).tolist()
    assert mask.reshape(-1, group).tolist() == [kept_of(values, kept) for values in groups]
    assert is_whole(mask, NM(kept, group))


@settings(max_examples=60, deadline=None)
@given(weight=matrices(), millionths=st.integers(1, 999_999))
def test_of_a_share_the_least_of_the_matrix_go_of_equal_ones_the_last(weight, millionths):
    pattern = Unstructured(millionths)
    count = weight.numel() - pattern.pruned(weight.numel())
    mask = choose(weight.abs(), pattern)
    assert mask.flatten().tolist() == kept_of(weight.flatten().tolist(), count)
    assert is_whole(mask, pattern)


def test_half_a_weight_is_pruned():
    assert [Unstructured(500_000).pruned(n) for n in (1, 2, 3, 5)] == [1, 1, 2, 3]
    assert [Unstructured(900_000).pruned(n) for n in (4, 5, 10, 262_144)] == [4, 5, 9, 235_930]


@settings(max_examples=40, deadline=None)
@given(weight=matrices(6), rise=st.fractions(0, 1))
def test_what_rises_prunes_a_share_of_what_the_pattern_prunes(weight, rise):
    half = choose(weight.abs(), NM(2, 6), rise)
    assert set(half.reshape(-1, 6).sum(1).tolist()) == {6 - int(4 * rise)}
    pattern = Unstructured(900_000)
    total = pattern.pruned(weight.numel())
    assert int((~choose(weight.abs(), pattern, rise)).sum()) == int(total * rise)
    whole = choose(weight.abs(), NM(2, 6))
    assert bool((half | ~whole).all()), "what is kept at the end is kept on the way"


def test_ends_of_a_rise():
    weight = torch.randn(3, 8)
    for pattern in (NM(1, 4), Unstructured(750_000)):
        assert choose(weight.abs(), pattern, Fraction(0)).all()
        assert not is_whole(choose(weight.abs(), pattern, Fraction(1, 2)), pattern)
    assert choose(weight.abs(), Dense()) is None
    assert not share_mask(weight, 24).any()


def test_a_part_of_a_group_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="multiple of 4"):
        nm_mask(torch.randn(2, 6), NM(2, 4))


def test_groups_as_large_as_there_are():
    weight = torch.randn(3, 512)
    mask = nm_mask(weight, NM(100, 256))
    kept = weight.abs().reshape(-1, 256).topk(100).indices
    assert torch.equal(mask.reshape(-1, 256).nonzero()[:, 1].view(-1, 100), kept.sort().values)


def test_a_score_is_the_weight_times_what_it_meets():
    weight, inputs = torch.randn(4, 6), torch.rand(2, 6)
    expected = weight.abs() * inputs.repeat_interleave(2, 0)
    assert torch.equal(score(weight, inputs).abs(), expected)
    assert torch.equal(score(weight, None).abs(), weight.abs())
    assert torch.equal(score(weight, torch.zeros(1, 6)).abs(), weight.abs())
