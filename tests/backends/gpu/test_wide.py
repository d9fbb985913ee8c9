"""Holds sums that leave 32 bits to the reference, in Triton's interpreter."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx import canonical, reference
from qdsl.fx.numerics import Quantized
from qdsl.ir.format import IntegerGrid, IntegerZero, PerChannel, PerGroup, WeightFormat

pytest.importorskip("triton")
from qdsl_gpu import large, operations
from qdsl_gpu.dense import BY_TORCH
from qdsl_gpu.layout import Layout
from qdsl_gpu.tiles import Tiles, Way
from qdsl_gpu.weights import Packed, repack

Make = Callable[..., Any]
WORDS, DENSE = Tiles(8, 64), Tiles(16, 64, 1, 4, 2, Way.DENSE)


def highest(outputs: int, in_features: int, group: int) -> tuple[Tensor, Tensor]:
    """A weight whose codes are 255 and whose zeros are 0: packed, and for the reference."""
    grouping = PerGroup(group) if group else PerChannel()
    grid = IntegerGrid(8, signed=False)
    format = WeightFormat("w", grid, grouping, zero=IntegerZero())
    groups = -(-in_features // group) if group else 1
    scale = torch.linspace(0.01, 0.02, outputs * groups).view(outputs, groups)
    codes = torch.full((outputs, in_features), 255.0)
    made = canonical.encode(Quantized(codes, scale, scale * 0, None), None, format)
    return repack(made), reference.repack(made)


@pytest.mark.parametrize(
    ("columns", "group", "tiles"),
    [(70_000, 0, Tiles(8, 64, splits=2)), (70_100, 70_000, DENSE)],
)
def test_sums_beyond_32_bits(columns: int, group: int, tiles: Tiles, divided: Any) -> None:
    packed, exact = highest(3, columns, group)
    x = torch.ones(1, columns)
    with divided(tiles):
        y = operations.linear(x, packed, None, 3, "int8_token")
    assert torch.equal(y, reference.linear(x, exact, None, 3, "int8_token"))


@pytest.mark.parametrize(
    ("columns", "largest", "is_wide"),
    [(32_768, 255, False), (33_026, 255, True), (65_793, 128, False), (65_794, 128, True)],
)
def test_the_most_columns_of_32_bits(columns: int, largest: int, is_wide: bool) -> None:
    none = torch.empty(0, dtype=torch.uint8)
    for layout in (Layout(8, 1, columns, 0), Layout(8, 1, 3 * columns, columns)):
        assert Packed(layout, 1, 0, 1.0, none, none, none, None).is_wide(largest) is is_wide
        assert Packed(layout, 1, 0, 1.0, none, none, None, None).is_wide(largest) is is_wide
        assert not Packed(layout, 1, 128, 1.0, none, none, None, None).is_wide(largest)


# ---- the same numbers, where sums have 64 bits for nothing ---------------------------------------


@pytest.fixture
def every_is_wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Packed, "is_wide", lambda *_: True)
    # sums of torch have 32 bits
    monkeypatch.delattr(large, "_sums_by_torch")


@pytest.mark.parametrize("tiles", [WORDS, Tiles(8, 64, splits=2), DENSE, BY_TORCH])
@pytest.mark.parametrize("name", ["int8-g128", "int4-g160", "uint8-zero", "uint2-float"])
@pytest.mark.usefixtures("every_is_wide")
def test_of_64_bits(name: str, tiles: Tiles, formats: Any, make_weight: Make, divided: Any) -> None:
    weight, x = make_weight(formats[name], 10, 200), torch.randn(2, 200)
    in_range = "uint8_static", torch.tensor([0.02]), torch.tensor([100.0])
    for word in (("int8_token",), in_range):
        given = torch.randn(10), 10, *word
        with divided(tiles):
            y = operations.linear(x, weight.packed, *given)
        assert torch.equal(y, reference.linear(x, weight.reference, *given))


@pytest.mark.parametrize("name", ["uint8-zero", "uint2-float"])
@pytest.mark.usefixtures("every_is_wide")
def test_groups_of_a_convolution(name: str, formats: Any, make_weight: Make) -> None:
    weight, x = make_weight(formats[name], 12, 18), torch.randn(1, 5, 6, 24)
    given = torch.randn(12), 12, [3, 3], [1, 1], [1, 1, 1, 1], [1, 1], 12
    in_range = "uint8_static", torch.tensor([0.02]), torch.tensor([100.0])
    for word in (("int8_token",), in_range):
        y = operations.conv(x, weight.packed, *given, *word)
        assert torch.equal(y, reference.conv(x, weight.reference, *given, *word))
