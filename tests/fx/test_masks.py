"""Holds N:M masks to their definition."""

import pytest
import torch

from qdsl.fx.masks import nm_mask
from qdsl.ir.pattern import NM


@pytest.mark.parametrize("pattern", [NM(2, 4), NM(1, 2), NM(3, 8), NM(1, 3)])
def test_keeps_the_largest_of_each_group(pattern):
    weight = torch.randn(5, 24)
    mask = nm_mask(weight, pattern)
    sizes = weight.abs().reshape(5, -1, pattern.group)
    kept = torch.zeros_like(sizes, dtype=torch.bool)
    kept.scatter_(-1, sizes.topk(pattern.kept).indices, True)
    assert torch.equal(mask, kept.reshape(5, 24))


def test_of_equal_ones_the_first_is_kept():
    weight = torch.tensor([[1.0, -1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 2.0, -2.0, 2.0]])
    kept = [[1, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0]]
    assert nm_mask(weight, NM(2, 4)).tolist() == kept


def test_a_part_of_a_group_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="multiple of 4"):
        nm_mask(torch.randn(2, 6), NM(2, 4))
