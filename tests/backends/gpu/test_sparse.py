"""Holds 2:4 that is kept compressed to the reference: layout, products, tables and convolutions."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx import reference
from qdsl.ir.format import IntegerGrid, IntegerZero, Levels, PerGroup, PerTensor, WeightFormat
from qdsl.ir.pattern import NM, Index
from qdsl_gpu import fields
from qdsl_gpu.canonical import codes_of
from qdsl_gpu.dense import BY_SPARSE, BY_TORCH
from qdsl_gpu.layout import Layout
from qdsl_gpu.task import BUCKETS, Task
from qdsl_gpu.tiles import Tiles, Way
from qdsl_gpu.weights import read

pytest.importorskip("triton")
from qdsl_gpu import operations, semi_structured

Make = Callable[..., Any]
ROW = WeightFormat("w", IntegerGrid(4), pattern=NM(2, 4))
GROUPS = {0: ROW, **{n: replace(ROW, grouping=PerGroup(n)) for n in (128, 256, 1024)}}
SETS = replace(ROW, pattern=NM(2, 4, Index.COMBINATION), grouping=PerTensor())
DENSE = Tiles(16, 64, way=Way.DENSE)
N, K = 70, 900  # no multiples of 64 and 512


@pytest.fixture(params=GROUPS)
def grouped(request: pytest.FixtureRequest, make_weight: Make) -> Any:
    weight = make_weight(GROUPS[request.param], N, 1500 if request.param == 1024 else K)
    assert read(weight.packed).layout.sparse
    return weight


def both(x: Tensor, weight: Any, word: str, **other: Any) -> tuple[Tensor, Tensor]:
    """Ours, and the reference."""
    given = None, weight.canonical.outputs, word
    ours = operations.linear(x, weight.packed, *given, **other)
    return ours, reference.linear(x.float(), weight.reference, *given, **other)


# ---- the buffer ----------------------------------------------------------------------------------


def test_words_give_back_the_codes(grouped: Any) -> None:
    packed, codes = read(grouped.packed), codes_of(grouped.canonical).codes
    back = fields.gather(fields.from_words(packed.words, packed.layout), packed.layout)
    assert torch.equal(back[:N], codes)


def test_every_pair_of_codes_at_every_pair_of_columns() -> None:
    pairs = torch.cartesian_prod(torch.arange(16), torch.arange(16))
    places = [(a, b) for a in range(4) for b in range(a + 1, 4)]
    quads = torch.full((len(places), 256, 4), 8)
    for i, place in enumerate(places):
        quads[i][:, place] = pairs
    codes = quads.view(1, -1).byte().expand(64, -1)
    layout = Layout(4, 64, codes.shape[1], 0, sparse=True)
    words = fields.to_words(codes, layout)
    assert torch.equal(fields.from_words(words, layout), codes)


def test_a_weight_takes_three_bits() -> None:
    for group in (0, 128, 512):
        layout = Layout(4, 128, 1024, group, sparse=True)
        assert layout.words * 32 == 128 * 1024 * 3


@pytest.mark.parametrize(
    ("format", "in_features"),
    [
        (replace(ROW, pattern=NM(1, 4)), K),
        (replace(ROW, grid=IntegerGrid(3)), K),
        (replace(ROW, grid=IntegerGrid(4, levels=Levels.HALF)), K),
        (replace(ROW, zero=IntegerZero()), K),
        (replace(ROW, grouping=PerGroup(64)), K),
        (ROW, 300),  # a step would be padding for the most part
    ],
)
def test_other_weights_are_held_dense(
    format: WeightFormat, in_features: int, make_weight: Make
) -> None:
    assert not read(make_weight(format, 8, in_features).packed).layout.sparse


# ---- products ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [1, 6])
@pytest.mark.parametrize("word", ["int8_token", "int8_tensor"])
def test_integer_product_is_the_reference(tokens: int, word: str, grouped: Any) -> None:
    ours, exact = both(torch.randn(tokens, grouped.canonical.in_features), grouped, word)
    assert torch.equal(ours, exact)


@pytest.mark.parametrize(
    ("tokens", "type", "word"),
    [
        (1, torch.float32, "f32"),
        (5, torch.float32, "f32"),
        (2, torch.float16, "f32"),
        (3, torch.bfloat16, "bf16"),
    ],
)
def test_float_product_is_the_reference(
    tokens: int, type: torch.dtype, word: str, grouped: Any
) -> None:
    ours, exact = both(torch.randn(tokens, grouped.canonical.in_features).to(type), grouped, word)
    relative = {torch.float32: 1e-5, torch.float16: 2**-10, torch.bfloat16: 2**-7}[type]
    assert ours.dtype is type
    assert torch.allclose(ours.float(), exact, rtol=relative, atol=relative)


@pytest.mark.parametrize("word", ["f32", "int8_token"])
def test_columns_are_where_they_belong(word: str, make_weight: Make) -> None:
    """Each column alone: the product is that column."""
    weight = make_weight(SETS, 2, K)
    every = reference.dequantize(weight.reference, 2, K)
    columns = [*range(9), 127, 128, 255, 256, 511, 512, 899]
    x = torch.zeros(len(columns), K)
    x[range(len(columns)), columns] = 127.0
    ours, _ = both(x, weight, word)
    assert torch.allclose(ours, 127 * every[:, columns].t())


@pytest.mark.parametrize(
    ("group", "tiles"),
    [(0, BY_TORCH), (0, DENSE), (128, DENSE)],
)
def test_many_rows_are_unpacked(group: int, tiles: Tiles, make_weight: Make, divided: Any) -> None:
    weight, x = make_weight(GROUPS[group], N, K), torch.randn(3, K)
    with divided(tiles):
        ours, exact = both(x, weight, "int8_token", relu=True)
        assert torch.equal(ours, exact)
        ours, exact = both(x, weight, "f32")
        assert torch.allclose(ours, exact, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("zero", [None, 7.0])
def test_a_static_range_is_the_reference(zero: float | None, make_weight: Make) -> None:
    """Of one that is no int8 the sums of codes count, without what is padding."""
    weight, x = make_weight(GROUPS[128], N, K), torch.rand(2, K)
    given = {"scale": torch.tensor([0.004]), "zero": zero and torch.tensor([zero])}
    ours, exact = both(x, weight, "uint8_static", **given)
    assert torch.equal(ours, exact)


@pytest.fixture
def compressions(monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The dense weights that were compressed, by what stands in for a device's sparse products."""
    seen: list[Tensor] = []

    def compress(codes: Tensor) -> Tensor:
        quads = codes.view(-1, 4) != 0
        assert (quads.sum(1) <= 2).all()
        seen.append(codes)
        return codes

    def multiply(weight: Tensor, x: Tensor) -> Tensor:
        assert x.shape[0] % 16 == 0
        return (x.long() @ weight.long().t()).int()

    for stand_in in (compress, multiply):
        monkeypatch.setattr(semi_structured, stand_in.__name__, stand_in)
    monkeypatch.setattr(semi_structured, "is_available", lambda: True)
    return seen


def test_sparse_products_of_torch_are_the_reference(
    compressions: list[Tensor], make_weight: Make, divided: Any
) -> None:
    weight, x = make_weight(ROW, N, K), torch.randn(18, K)
    given = {"scale": torch.tensor([0.004])}
    with divided(BY_SPARSE):
        for rows in (x, x[:3]):
            ours, exact = both(rows, weight, "int8_token", relu=True)
            assert torch.equal(ours, exact)
        ours, exact = both(x.abs(), weight, "uint8_static", **given)
        assert torch.equal(ours, exact)
    assert len(compressions) == 1  # kept, and not asked for where codes do not fit


def test_without_such_a_device_torch_multiplies_all(
    compressions: list[Tensor], make_weight: Make, divided: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(semi_structured, "is_available", lambda: False)
    with divided(BY_SPARSE):
        ours, exact = both(torch.randn(18, K), make_weight(ROW, N, K), "int8_token")
    assert torch.equal(ours, exact)
    assert not compressions


def test_sparse_products_of_torch_are_tried_never_usual() -> None:
    sparse = Layout(4, 4096, 4096, 0, sparse=True)
    task = Task("linear_int8", sparse)
    assert BY_SPARSE in task.shapes(256)
    assert not any(task.usual(tokens) == BY_SPARSE for tokens in BUCKETS)
    assert BY_SPARSE not in task.shapes(16)
    for other in (
        Task("linear_float", sparse),
        Task("linear_int8", replace(sparse, sparse=False)),
        Task("linear_int8", replace(sparse, group=128)),
    ):
        assert BY_SPARSE not in other.shapes(256)


# ---- tables and convolutions ---------------------------------------------------------------------


@pytest.mark.parametrize("group", GROUPS)
def test_dequantized_is_the_reference(group: int, make_weight: Make) -> None:
    weight = make_weight(GROUPS[group], 5, 1500)
    dense = reference.dequantize(weight.reference, 5, 1500)
    assert torch.equal(operations.dequantize(weight.packed, 5, 1500), dense)
    ids = torch.tensor([4, 3])
    assert torch.equal(operations.embedding(ids, weight.packed, 1500), dense[ids])


def test_a_convolution_in_groups_is_the_reference(make_weight: Make) -> None:
    weight, x = make_weight(ROW, 4, 2 * 200), torch.randn(1, 3, 400)
    given = None, 4, [2], [1], [0, 0], [1], 2, "int8_token"
    assert read(weight.packed).layout.sparse
    ours = operations.conv(x, weight.packed, *given)
    assert torch.equal(ours, reference.conv(x, weight.reference, *given))
