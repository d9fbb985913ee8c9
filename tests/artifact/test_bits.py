"""Codes, zeros and index as bits: what is packed is what comes back, and where each bit stands."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdsl.artifact import bits, combination, contents
from qdsl.artifact.contents import check_contents
from qdsl.artifact.refusal import Refusal
from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FloatGrid,
    FloatType,
    IntegerGrid,
    Levels,
    PerTensor,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.model import Assigned, Model, Module, Parameter, Role, Storage
from qdsl.ir.pattern import NM, Index, combinations

GRIDS = (
    *(IntegerGrid(b, signed, levels) for b in range(2, 9) for signed in (True, False)
      for levels in ((Levels.FULL, Levels.NARROW) if signed else (Levels.FULL,))),
    TernaryGrid(),
    TernaryGrid(pack="base3"),
    BinaryGrid(),
    *(CodebookGrid(bits) for bits in (2, 3, 4)),
)  # fmt: skip
RATIOS = ((2, 4), (1, 2), (1, 3), (3, 4), (5, 8), (7, 16), (1, 256), (31, 64), (255, 256))
PATTERNS = tuple(NM(*ratio, index) for ratio in RATIOS for index in Index)
SHAPES = st.tuples(st.integers(0, 5), st.integers(0, 70))


def codes_of(grid, rng, shape):
    match grid:
        case IntegerGrid():
            return rng.integers(grid.qmin, grid.qmax + 1, shape).astype(np.int16)
        case TernaryGrid():
            return rng.integers(-1, 2, shape).astype(np.int16)
        case CodebookGrid(bits):
            return rng.integers(0, 1 << bits, shape).astype(np.int16)
        case BinaryGrid():
            return rng.choice(np.array((-1, 1), np.int16), shape)


@settings(max_examples=150, deadline=None)
@given(grid=st.sampled_from(GRIDS), shape=SHAPES, seed=st.integers(0, 1 << 16))
def test_codes_come_back(grid, shape, seed):
    codes = codes_of(grid, np.random.default_rng(seed), shape)
    packed = bits.pack_codes(codes, grid)
    assert packed.dtype == np.uint8
    assert np.array_equal(bits.unpack_codes(packed, grid, shape[1]), codes)


@settings(max_examples=100, deadline=None)
@given(width=st.integers(1, 63), shape=SHAPES, seed=st.integers(0, 1 << 16))
def test_bit_j_of_a_row_is_bit_j_mod_8_of_byte_j_div_8(width, shape, seed):
    fields = np.random.default_rng(seed).integers(0, 1 << width, shape)
    packed = bits.pack_fields(fields, width)
    assert packed.shape == (shape[0], (shape[1] * width + 7) // 8)
    for row, stored in zip(fields.tolist(), packed.tolist(), strict=True):
        whole = sum(field << (i * width) for i, field in enumerate(row))
        assert int.from_bytes(bytes(stored), "little") == whole


def test_many_rows_are_packed_in_pieces(monkeypatch):
    fields = np.random.default_rng(0).integers(0, 8, (50, 33))
    whole = bits.pack_fields(fields, 3)
    monkeypatch.setattr(bits, "_CHUNK", 100)
    assert np.array_equal(bits.pack_fields(fields, 3), whole)
    assert np.array_equal(bits.unpack_fields(whole, 3, 33), fields)


def test_the_bytes_of_some_codes():
    int4 = bits.pack_codes(np.array([[1, -1, 7], [-8, 0, 2]]), IntegerGrid(4))
    assert int4.tolist() == [[0xF1, 0x07], [0x08, 0x02]]
    int3 = bits.pack_codes(np.array([[-1, 3, -4]]), IntegerGrid(3))
    assert int3.tolist() == [[0b00_011_111, 0b1]]
    assert bits.pack_codes(np.array([[1, 0, -1, 1, 1]]), TernaryGrid()).tolist() == [[0x71, 1]]
    base3 = bits.pack_codes(np.array([[1, 0, -1, 1, 1, 0]]), TernaryGrid(pack="base3"))
    assert base3.tolist() == [[2 + 3 + 0 + 54 + 162, 1]]
    binary = bits.pack_codes(np.array([[1, -1, -1, 1, 1, 1, 1, 1, -1, 1]]), BinaryGrid())
    assert binary.tolist() == [[0b11111001, 0b10]]


@settings(max_examples=100, deadline=None)
@given(
    pattern=st.sampled_from(PATTERNS),
    rows=st.integers(0, 4),
    groups=st.integers(0, 9),
    seed=st.integers(0, 1 << 16),
)
def test_kept_codes_come_back_to_their_places(pattern, rows, groups, seed):
    rng = np.random.default_rng(seed)
    order = rng.random((rows, groups, pattern.group)).argsort(axis=2)
    mask = (order < pattern.kept).reshape(rows, groups * pattern.group)
    values = np.where(mask, rng.integers(1, 8, mask.shape), 0)
    index = bits.positions(mask, pattern)
    kept = bits.gather(values, index, pattern)
    assert kept.shape == (rows, groups * pattern.kept)
    stored = bits.pack_index(index, pattern)
    found = bits.unpack_index(stored, pattern, kept.shape[1])
    assert np.array_equal(found, index)
    assert np.array_equal(bits.scatter(kept, found, pattern), values)


@pytest.mark.parametrize("pattern", [NM(2, 4), NM(1, 3), NM(4, 5), NM(3, 7)])
def test_ranks_are_lexicographic(pattern):
    sets = list(itertools.combinations(range(pattern.group), pattern.kept))
    ranks = combination.ranks(np.array(sets).reshape(1, -1), pattern)
    assert ranks.tolist() == [list(range(combinations(pattern.group, pattern.kept)))]
    assert combination.positions(ranks, pattern).reshape(-1, pattern.kept).tolist() == [
        list(s) for s in sets
    ]


def test_a_mask_must_keep_n_of_every_m():
    mask = np.array([[True, True, False, False, True, False, False, False]])
    with pytest.raises(ValueError, match="2:4"):
        bits.positions(mask, NM(2, 4))


@pytest.mark.parametrize(
    ("row", "sound"), [([242, 26], True), ([243, 0], False), ([0, 27], False), ([0, 255], False)]
)
def test_bytes_of_base3_that_no_packer_writes(row, sound):
    """Eight codes: a byte of five, a byte of three."""
    format = WeightFormat("ternary", TernaryGrid(pack="base3"), PerTensor())
    storage = Storage("a.w", "Linear", Parameter("w", (1, 8), Role.WEIGHT), Assigned(format))
    codes, scales = np.array([row], np.uint8), np.ones((1, 1), np.float32)
    tensors = {"a.w.codes": codes, "a.w.scales": scales}
    model = Model("M", Module("M", False, (), {}), (), (storage,), {}, {}, {})
    if sound:
        check_contents(model, tensors.__getitem__)
    else:
        with pytest.raises(Refusal):
            check_contents(model, tensors.__getitem__)


@pytest.mark.parametrize(
    ("values", "sound"),
    [
        ([-1, 0, 0, 2], True),
        ([-1, 0, 2, 1], False),
        ([-1, 0, 1, np.inf], False),
        ([np.nan, 0, 1, 2], False),
    ],
)
def test_codebooks_that_no_packer_writes(values, sound):
    format = WeightFormat("kmeans2", CodebookGrid(2), PerTensor())
    storage = Storage("a.w", "Linear", Parameter("w", (1, 4), Role.WEIGHT), Assigned(format))
    tensors = {
        "a.w.codes": np.array([[0b11100100]], np.uint8),
        "a.w.scales": np.ones((1, 1), np.float32),
        "a.w.codebook": np.array(values, np.float32),
    }
    model = Model("M", Module("M", False, (), {}), (), (storage,), {}, {}, {})
    if sound:
        check_contents(model, tensors.__getitem__)
    else:
        with pytest.raises(Refusal):
            check_contents(model, tensors.__getitem__)


@pytest.mark.parametrize(
    ("rank", "sound"), [(0, True), (5, True), (6, False), (7, False), (8, False)]
)
def test_ranks_that_no_packer_writes(rank, sound):
    """One group of 2:4: six sets, three bits; of floats the index alone is looked at."""
    format = WeightFormat("f32", FloatGrid(FloatType.F32), pattern=NM(2, 4, Index.COMBINATION))
    storage = Storage("a.w", "Linear", Parameter("w", (1, 4), Role.WEIGHT), Assigned(format))
    tensors = {"a.w.codes": np.zeros((1, 2), np.float32), "a.w.index": np.array([[rank]], np.uint8)}
    model = Model("M", Module("M", False, (), {}), (), (storage,), {}, {}, {})
    if sound:
        check_contents(model, tensors.__getitem__)
    else:
        with pytest.raises(Refusal):
            check_contents(model, tensors.__getitem__)


def test_codes_and_positions_that_no_packer_writes():
    """Every byte of 2:4, alone and before a half one, and of codes of 2, 3, 4 and 8 bits."""
    ascends = {a | b << 2 for a in range(4) for b in range(a + 1, 4)}
    for byte in range(256):
        row = np.array([[0x84, byte]], np.uint8)  # 0 and 1, 0 and 2
        sound = {byte & 15, byte >> 4} <= ascends
        assert contents._names_sets(row, NM(2, 4), 8) == sound, byte
        half = np.array([[0x84, byte & 15]], np.uint8)
        assert contents._names_sets(half, NM(2, 4), 6) == (byte & 15 in ascends), byte
        assert contents._names_sets(np.array([[byte]], np.uint8), NM(3, 4), 3) == (
            byte & 3 < byte >> 2 & 3 < byte >> 4 & 3
        )
    for width in (2, 3, 4, 8):
        grid = IntegerGrid(width, levels=Levels.NARROW)
        for byte in range(256):
            count = 8 // width
            fields = [byte >> i * width & (1 << width) - 1 for i in range(count)]
            sound = 1 << (width - 1) not in fields
            assert contents._in_grid(np.array([[0, byte]], np.uint8)[:, 1:], grid, count) == sound
