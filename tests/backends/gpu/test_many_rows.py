"""Holds products of unpacked weights to the reference, in Triton's interpreter."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.fx import reference
from qdsl.ir.format import CodebookGrid, FloatZero, WeightFormat
from qdsl_gpu import unpacked
from qdsl_gpu.dense import BY_TORCH
from qdsl_gpu.layout import Layout
from qdsl_gpu.task import Task
from qdsl_gpu.tiles import Tiles, Way

pytest.importorskip("triton")
from qdsl_gpu import operations

Make = Callable[..., Any]
N, K = 72, 340
DENSE = Tiles(16, 64, 1, 4, 2, Way.DENSE)


def limit(x: Tensor, weight: Any) -> Tensor:
    """(G + 4) · 2^-24 · Σ |x · w|, and 2^-24 of each sum of 32: they are added one by one."""
    sizes = x.double().abs() @ reference.dequantize(weight.reference, N, K).double().abs().T
    groups = weight.canonical.scales.shape[1]
    slack = 40 if isinstance(weight.format.zero, FloatZero) else 1  # is subtracted from sums
    return slack * (groups + 4 + K // 32) * 2**-24 * sizes


def check(weight: Any, x: Tensor, word: str = "f32") -> None:
    y = operations.linear(x, weight.packed, None, N, word)
    exact = reference.linear(x.float(), weight.reference, None, N, word)
    near = {torch.bfloat16: 2**-8, torch.float16: 2**-11}.get(x.dtype, 0.0)
    size = x.float().bfloat16() if word == "bf16" else x
    assert y.dtype is x.dtype
    assert ((y.double() - exact).abs() <= limit(size, weight) + near * exact.abs().max()).all()


def test_floats_are_within_the_bound(format: WeightFormat, make_weight: Make, divided: Any) -> None:
    with divided(DENSE):
        check(make_weight(format, N, K), torch.randn(5, K).bfloat16())


@pytest.mark.parametrize("name", ["int3-g32", "int4-zero", "int4", "uint2-float", "binary", "nf4"])
@pytest.mark.parametrize(
    ("type", "word"),
    [(torch.float32, "f32"), (torch.float32, "bf16"), (torch.float16, "f32")],
)
def test_every_kind_of_rows(
    name: str, type: torch.dtype, word: str, formats: Any, make_weight: Make, divided: Any
) -> None:
    with divided(DENSE):
        check(make_weight(formats[name], N, K), torch.randn(20, K).to(type), word)


def test_integers_are_the_reference(format: WeightFormat, make_weight: Make, divided: Any) -> None:
    if isinstance(format.grid, CodebookGrid):
        return  # values that are no integers
    weight, x = make_weight(format, N, K), torch.randn(5, K)
    given = (torch.randn(N), N, "int8_token", None, None, True, torch.randn(5, N))
    with divided(DENSE):
        y = operations.linear(x, weight.packed, *given)
    assert torch.equal(y, reference.linear(x, weight.reference, *given))


@pytest.mark.parametrize("name", ["int4-g20", "int4-half", "uint8-zero", "binary", "int3-zero"])
@pytest.mark.parametrize("tiles", [DENSE, BY_TORCH])
def test_static_ranges_are_the_reference(
    tiles: Tiles, name: str, formats: Any, make_weight: Make, divided: Any
) -> None:
    weight, x = make_weight(formats[name], N, K), torch.randn(3, K)
    if tiles is BY_TORCH and weight.canonical.scales.shape[1] > 1:
        return  # not by torch
    given = (None, N, "uint8_static", torch.tensor([0.02]), torch.tensor([100.0]))
    with divided(tiles):
        y = operations.linear(x, weight.packed, *given)
    assert torch.equal(y, reference.linear(x, weight.reference, *given))


@pytest.mark.parametrize("name", ["int4", "int3-zero", "int8", "int4-tensor", "ternary-base3"])
def test_torch_multiplies(name: str, formats: Any, make_weight: Make, divided: Any) -> None:
    weight = make_weight(formats[name], N, K)
    x, bias, residual = torch.randn(3, K), torch.randn(N), torch.randn(3, N)
    given = (bias, N, "int8_token", None, None, True, residual)
    with divided(BY_TORCH):
        for type in (torch.float32, torch.bfloat16, torch.float16):
            check(weight, x.to(type))
        y = operations.linear(x, weight.packed, *given)
    assert torch.equal(y, reference.linear(x, weight.reference, *given))


@pytest.mark.parametrize("tiles", [DENSE, BY_TORCH])
@pytest.mark.parametrize("word", ["f32", "int8_token"])
def test_slabs_make_no_difference(
    tiles: Tiles,
    word: str,
    formats: Any,
    make_weight: Make,
    divided: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weight = make_weight(formats["int4-zero" if tiles is DENSE else "int3-zero"], 600, 70)
    x, bias, residual = torch.randn(3, 70), torch.randn(600), torch.randn(3, 600)
    given = (x, weight.packed, bias, 600, word, None, None, True, residual)
    with divided(tiles):
        whole = operations.linear(*given)
        monkeypatch.setattr(unpacked, "MOST", 1)
        assert torch.equal(operations.linear(*given), whole)


@pytest.mark.parametrize("name", ["int4-g128", "nf4", "uint2-float"])
def test_x_lies_in_memory_in_any_way(
    name: str, formats: Any, make_weight: Make, divided: Any
) -> None:
    weight = make_weight(formats[name], 8, 128)
    base = torch.randn(4, 3, 300)
    with divided(DENSE):
        for view in (base[:, 0, :128], base[..., 5:261:2], torch.randn(128, 3).t()):
            for x in (view, view.bfloat16()):
                y = operations.linear(x, weight.packed, None, 8, "f32")
                same = operations.linear(x.contiguous(), weight.packed, None, 8, "f32")
                assert torch.equal(y, same)


@pytest.mark.parametrize("word", ["f32", "int8_token"])
def test_what_is_not_finite_stays_in_its_row(
    word: str, formats: Any, make_weight: Make, divided: Any
) -> None:
    weight, x = make_weight(formats["int4-half"], 8, 70), torch.randn(3, 70)
    with divided(DENSE):
        clean = operations.linear(x, weight.packed, None, 8, word)
        x[1, 5] = float("nan")
        y = operations.linear(x, weight.packed, None, 8, word)
    assert torch.equal(y[::2], clean[::2])
    assert y[1].isnan().all()


# ---- ways ----------------------------------------------------------------------------------------


def test_by_rule_many_rows_are_unpacked() -> None:
    grouped, row = Layout(4, 4096, 4096, 128), Layout(4, 4096, 4096, 0)
    bytes = Layout(8, 4096, 4096, 0)

    def way(layout: Layout, tokens: int, kernel: str = "linear_float", **other: Any) -> Way:
        return Task(kernel, layout, **other).usual(tokens).way

    assert [way(grouped, m) for m in (1, 256, 512)] == [Way.WORDS, Way.WORDS, Way.DENSE]
    assert (way(row, 512), way(row, 512, planes=3)) == (Way.TORCH, Way.DENSE)
    assert (way(row, 512, zero=2), way(row, 512, has_table=True)) == (Way.DENSE, Way.DENSE)
    assert [way(row, m, "linear_int8") for m in (512, 1024)] == [Way.WORDS, Way.DENSE]
    assert [way(bytes, m, "linear_int8") for m in (64, 65)] == [Way.WORDS, Way.DENSE]


@pytest.mark.parametrize("kernel", ["linear_float", "linear_int8"])
def test_ways_are_tried_against_each_other(kernel: str) -> None:
    for group, others in ((0, {*Way} - {Way.SPARSE}), (128, {Way.WORDS, Way.DENSE})):
        task = Task(kernel, Layout(4, 4096, 4096, group))
        for tokens in (256, 1024):
            assert {tiles.way for tiles in task.shapes(tokens)} == others
        assert {tiles.way for tiles in task.shapes(16)} == {Way.WORDS}


def test_no_way_takes_what_it_does_not_serve() -> None:
    grouped = Task("linear_float", Layout(4, 4032, 4096, 128))
    assert not grouped.takes(BY_TORCH, 512)
    assert not grouped.takes(replace(DENSE, rows=128), 512)  # 63 times 64 rows
    assert grouped.takes(DENSE, 512)
    assert not Task("linear_int8", Layout(4, 64, 64, 0)).takes(BY_TORCH, 16)
