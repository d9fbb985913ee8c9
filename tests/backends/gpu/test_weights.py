"""Repacks weights and reads the words back, without kernels."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.ir.format import FloatGrid, FloatType, WeightFormat
from qdsl.target import CanonicalWeight
from qdsl_gpu import fields
from qdsl_gpu.canonical import codes_of
from qdsl_gpu.layout import Layout
from qdsl_gpu.weights import read, repack

Make = Callable[..., Any]
layouts = st.builds(
    Layout,
    st.sampled_from([1, 2, 3, 4, 8]),
    st.integers(1, 130),
    st.integers(1, 700),
    st.sampled_from([0, 1, 8, 24, 32, 64, 96, 128, 160, 512, 1000]),
)


@given(layouts)
@settings(max_examples=60, deadline=None)
def test_words_give_back_the_codes(layout: Layout) -> None:
    codes = torch.randint(0, 1 << layout.bits, (layout.outputs, layout.in_features))
    padded = torch.nn.functional.pad(codes.byte(), (0, 0, 0, layout.rows - layout.outputs))
    words = fields.to_words(fields.spread(padded, layout), layout)
    assert words.shape == (layout.words,)
    back = fields.gather(fields.from_words(words, layout), layout)
    assert torch.equal(back[: layout.outputs], codes)


@given(layouts)
@settings(max_examples=60, deadline=None)
def test_groups_are_whole_planes_or_whole_steps(layout: Layout) -> None:
    assert layout.columns % layout.step == 0
    assert layout.columns >= layout.in_features
    if layout.span:
        assert layout.span >= layout.group
        assert layout.step % layout.span == 0 or layout.span % layout.step == 0
        assert layout.slots * layout.span == layout.columns


def test_rows_that_are_whole_take_their_bits_only() -> None:
    for bits in (1, 2, 3, 4, 8):
        for group in (0, 32, 128):
            layout = Layout(bits, 128, 1024, group)
            assert layout.is_plain
            assert layout.words * 32 == 128 * 1024 * bits


def test_a_buffer_says_what_it_holds(format: WeightFormat, make_weight: Make) -> None:
    weight = make_weight(format, 70, 340)
    packed, codes = read(weight.packed), codes_of(weight.canonical)
    back = fields.gather(fields.from_words(packed.words, packed.layout), packed.layout)
    assert torch.equal(back[:70], codes.codes)
    assert packed.layout == codes.layout
    scales = packed.scales[: packed.layout.groups, :70].t()
    assert torch.equal(scales, codes.scales.expand(scales.shape))
    assert weight.packed.dtype is torch.uint8
    assert read(weight.packed) is packed


def test_a_buffer_that_changes_is_read_again(formats: Any, make_weight: Make) -> None:
    first, second = (make_weight(formats["int4"], 8, 40, seed) for seed in (0, 1))
    read(first.packed)
    first.packed.copy_(second.packed)
    assert torch.equal(read(first.packed).words, read(second.packed).words)


def test_other_buffers_are_refused() -> None:
    for buffer in (torch.zeros(256, dtype=torch.uint8), torch.zeros(8)):
        with pytest.raises(ValueError, match="did not repack"):
            read(buffer)


def test_floats_have_no_codes() -> None:
    format = WeightFormat("f16", FloatGrid(FloatType.F16))
    weight = CanonicalWeight(format, 1, 1, torch.zeros(1, 1), torch.zeros(0, 0), None, None)
    with pytest.raises(ValueError, match="`f16` has no codes"):
        repack(weight)
