"""Holds the choice of weights by groups to torch's, in Triton's interpreter."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.fx.masks import nm_mask, share_mask
from qdsl.ir.pattern import NM

pytest.importorskip("triton")
from qdsl_gpu import masks


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 7), st.integers(1, 5), st.integers(0, 99), st.data())
def test_groups(group: int, rows: int, many: int, seed: int, data: st.DataObject) -> None:
    kept = data.draw(st.integers(0, group))
    generator = torch.Generator().manual_seed(seed)
    score = torch.randn(rows, many * group, generator=generator)
    score = score.round() if seed % 2 else score  # many are equal
    found = masks.nm_mask(score, kept, group)
    assert found is not None
    assert torch.equal(found, nm_mask(score, NM(kept, group)))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_finite(value: float) -> None:
    score = torch.randn(6, 16)
    score[1, 2] = score[2, 0] = score[3, 3] = score[4, 0] = score[4, 1] = value
    found = masks.nm_mask(score, 2, 4)
    assert found is not None
    assert torch.equal(found, nm_mask(score, NM(2, 4)))


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 90), st.integers(0, 99), st.data())
def test_a_share_of_all(size: int, seed: int, data: st.DataObject) -> None:
    pruned = data.draw(st.integers(1, size - 1))
    score = torch.randn(1, size, generator=torch.Generator().manual_seed(seed))
    score = score.round() / 4 if seed % 2 else score * 10.0 ** (seed % 9 - 4)  # many are equal
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(masks, "_TILE", 16)
        patch.setattr(masks, "_PARTS", 1 + seed % 6)
        found = masks.share_mask(score, pruned)
    assert found is not None
    assert int((~found).sum()) == pruned
    assert torch.equal(found, share_mask(score, pruned))


def test_scores_lie_in_memory_in_any_way() -> None:
    score = torch.randn(32, 6).t()
    found = masks.nm_mask(score, 3, 32)
    assert found is not None
    assert torch.equal(found, nm_mask(score, NM(3, 32)))


def test_the_rest_is_left_to_torch() -> None:
    assert masks.nm_mask(torch.randn(0, 4), 2, 4) is None
    assert masks.nm_mask(torch.randn(2, 4).double(), 2, 4) is None
    assert masks.share_mask(torch.randn(2, 4).double(), 2) is None
    assert masks.share_mask(torch.randn(2, 4), 0) is masks.share_mask(torch.randn(2, 4), 8) is None
