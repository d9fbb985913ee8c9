"""Holds convolutions with packed weights to patches and products of rows, as the reference does."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl import formats, registry
from qdsl.formats import make_weight_format
from qdsl.fx.activations import code_range
from qdsl.fx.canonical import encode
from qdsl.fx.masks import nm_mask
from qdsl.fx.numerics import State, quantize
from qdsl.fx.ops import backend, operation
from qdsl.fx.reference_weight import read
from qdsl.fx.reference_weight import repack as reference_repack
from qdsl.ir.pattern import NM
from qdsl_cpu import _native, operations
from qdsl_cpu.weights import repack_canonical

ISAS = _native.isas()
INTEGERS = ("int8_token", "int8_tensor", "uint8_static", "int8_static", "int4_static_full")
FORMATS: tuple[tuple[str, tuple[str, ...], dict[str, Any]], ...] = (
    ("int8", (), {}),
    ("int4", (), {"group": 5, "tail": "short"}),
    ("int3", (), {"levels": "half"}),
    ("int4", ("asymmetric",), {"scale": "f16"}),
    ("int2", ("asymmetric",), {"zero": "f32"}),
    ("ternary", (), {}),
    ("ternary", (), {"group": 5, "tail": "short", "pack": "base3"}),
    ("binary", (), {}),
)


FAMILIES = registry.collect(formats, formats.Family)
Packed = tuple[Tensor, Tensor]


def packed(which: int, values: Tensor, pattern: NM | None = None) -> Packed:
    """The weight for the reference and for the processor."""
    name, flags, options = FORMATS[which]
    extra = {"pattern": pattern} if pattern else {}
    format = make_weight_format(FAMILIES[name], options, flags, *extra.values())
    mask = nm_mask(values, pattern) if pattern else None
    weight = encode(quantize(values, format, State(mask)), mask, format)
    return reference_repack(weight), repack_canonical(weight)


def static(word: str) -> tuple[Tensor, ...]:
    if "static" not in word:
        return ()
    return torch.tensor([0.02]), torch.tensor([float(sum(code_range(word)) // 2)])


def same(a: Tensor, b: Tensor) -> bool:
    return a.shape == b.shape and bool(((a == b) | (a.isnan() & b.isnan())).all())


def both(
    x: Tensor, weight: Packed, bias: Tensor | None, outputs: int, *given: Any, **options: Any
) -> tuple[Tensor, Tensor]:
    """What the processor computes, and the reference."""
    backend("cpu")
    found = operations.conv(x, weight[1], bias, outputs, *given, **options)
    return found, operation("conv", "reference")(x, weight[0], bias, outputs, *given)


@st.composite
def convolutions(draw: st.DrawFn) -> dict[str, Any]:
    """One or two axes; depthwise, in groups, with more outputs than channels, or whole."""
    axes = draw(st.integers(1, 2))
    small = st.lists(st.integers(1, 3), min_size=axes, max_size=axes)
    groups = draw(st.sampled_from([1, 2, 3, 16, 64, 70]))
    channels = groups * draw(st.integers(1, 3 if groups < 64 else 1))
    kernel = draw(small)
    return {
        "channels": channels,
        "outputs": groups * draw(st.integers(1, 3 if groups < 64 else 1)),
        "kernel": kernel,
        "stride": draw(small),
        "padding": draw(st.lists(st.integers(0, 2), min_size=2 * axes, max_size=2 * axes)),
        "dilation": draw(small),
        "groups": groups,
        "batch": draw(st.integers(1, 3)),
        "sizes": [draw(st.integers(7, 10)) for _ in range(axes)],
    }


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_convolutions_are_those_of_the_reference(data):
    c = data.draw(convolutions())
    torch.manual_seed(data.draw(st.integers(0, 1000)))
    taps = torch.Size(c["kernel"]).numel()
    weight = packed(
        data.draw(st.integers(0, len(FORMATS) - 1)),
        torch.randn(c["outputs"], taps * c["channels"] // c["groups"]),
    )
    x = torch.randn(c["batch"], *c["sizes"], c["channels"])
    match data.draw(st.sampled_from(["plain", "nan", "inf", "zeros", "extreme", "apart"])):
        case "nan" | "inf" as kind:
            x.view(-1)[x.numel() // 2] = float(kind)
        case "zeros":
            x[0] = 0
        case "extreme":
            x = x.sign() * 1e4
        case "apart":
            x = x.movedim(0, -1).contiguous().movedim(-1, 0)
    bias = torch.randn(c["outputs"]) if data.draw(st.booleans()) else None
    word = data.draw(st.sampled_from(INTEGERS))
    shape = [c[n] for n in ("kernel", "stride", "padding", "dilation", "groups")]
    how = {"isa": data.draw(st.sampled_from(ISAS)), "threads": data.draw(st.integers(1, 3))}
    found, expected = both(x, weight, bias, c["outputs"], *shape, word, *static(word), **how)
    assert same(found, expected)


@pytest.mark.parametrize("which", range(len(FORMATS)), ids=lambda i: FORMATS[i][0])
@pytest.mark.parametrize("word", [*INTEGERS, "f32"])
def test_depthwise(which, word, isa):
    """Of a Conformer: 31 taps, more channels than a block, causal; extreme codes."""
    torch.manual_seed(0)
    channels, taps = 144, 31
    weight = packed(which, torch.randn(channels, taps).sign())
    x, bias = torch.randn(2, 50, channels), torch.randn(channels)
    shape = ([taps], [1], [taps - 1, 0], [1], channels)
    found, expected = both(x, weight, bias, channels, *shape, word, *static(word), isa=isa)
    if word != "f32":
        assert same(found, expected)
        return
    parts = read(weight[0])
    padded = torch.nn.functional.pad(x.double(), (0, 0, taps - 1, 0)).unfold(1, taps, 1)
    sums = torch.einsum("btck,ck->btc", padded.abs(), parts.exact.double().abs())
    groups = parts.decoded.quantized.scale.expand(channels, -1).shape[1]
    bound = (groups + 4) * 2.0**-24 * (sums + bias.abs())
    assert ((found.double() - expected.double()).abs() <= bound).all()


@pytest.mark.parametrize("word", ["int8_token", "int4_static_full", "f32"])
@pytest.mark.parametrize(
    ("sizes", "shape"),
    [
        ((5, 41), ([3, 5], [1, 1], [1, 2, 4, 0], [1, 1])),
        ((7, 80), ([3, 7], [2, 2], [0, 1, 3, 3], [2, 1])),
        ((3, 37), ([1, 6], [1, 1], [0, 0, 7, 9], [1, 3])),
        ((90,), ([4], [1], [9, 5], [2])),
    ],
    ids=str,
)
def test_depthwise_over_many_positions(sizes, shape, word, isa):
    """Rows of outputs longer than are computed at once, with padding wider than a kernel."""
    torch.manual_seed(0)
    taps = torch.Size(shape[0]).numel()
    for channels in (128, 80):
        weight = packed(0, torch.randn(channels, taps))
        x, bias = torch.randn(2, *sizes, channels), torch.randn(channels)
        given = (x, weight, bias, channels, *shape, channels, word, *static(word))
        found, expected = both(*given, isa=isa, threads=1)
        for threads in (2, 7):
            assert same(both(*given, isa=isa, threads=threads)[0], found)
        if word == "f32":
            assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)
        else:
            assert same(found, expected)


@pytest.mark.parametrize("pattern", [NM(2, 4), NM(1, 3)], ids=str)
@pytest.mark.parametrize("groups", [1, 4])
def test_sparse(pattern, groups):
    torch.manual_seed(0)
    weight = packed(0, torch.randn(16, 24 * 8 // groups), pattern)
    shape = ([8], [1], [3, 4], [1], groups)
    for word in INTEGERS:
        found, expected = both(torch.randn(2, 9, 24), weight, None, 16, *shape, word, *static(word))
        assert same(found, expected)


@pytest.mark.parametrize("groups", [1, 8])
def test_floats_of_any_convolution(groups):
    torch.manual_seed(0)
    weight = packed(0, torch.randn(16, 9 * 24 // groups))
    shape = ([3, 3], [2, 1], [1, 1, 0, 2], [1, 2], groups)
    found, expected = both(torch.randn(2, 9, 8, 24), weight, torch.randn(16), 16, *shape, "f32")
    assert torch.allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_nothing_to_do():
    weight = packed(0, torch.randn(8, 3))
    for empty in (torch.empty(0, 5, 8), torch.empty(2, 5, 8)[:0]):
        found, expected = both(empty, weight, None, 8, [3], [1], [0, 0], [1], 8, "f32")
        assert found.shape == expected.shape == (0, 3, 8)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (([3], [1, 1], [0, 0], [1], 8), "as many"),
        (([3], [0], [0, 0], [1], 8), "1 or more"),
        (([3], [1], [0, -1], [1], 8), "1 or more"),
        (([3], [1], [0, 0], [2**62], 8), "beyond"),
        (([3], [1], [2**40, 0], [1], 8), "beyond"),
        (([3], [1], [0, 0], [1], 3), "one size"),
        (([9], [1], [0, 0], [1], 8), "longer"),
        (([3, 1], [1, 1], [0, 0, 0, 0], [1, 1], 8), "1 or 2 spatial"),
        (([2], [1], [0, 0], [1], 8), "not the weight's"),
    ],
)
def test_shapes_that_do_not_fit(shape, message):
    weight = packed(0, torch.randn(8, 3))[1]
    with pytest.raises(ValueError, match=message):
        operations.conv(torch.randn(2, 5, 8), weight, None, 8, *shape, "int8_token")
