"""Holds the C++ that reads base 3 and ranks to the numpy that writes them; and buffers."""

import math
import mmap
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from qdsl.artifact import bits
from qdsl.artifact.layout import row_bytes
from qdsl.ir.format import TernaryGrid
from qdsl.ir.pattern import NM, Index
from qdsl_cpu import _native, operations
from qdsl_cpu.weights import repack


def place(tensor: Tensor) -> tuple[int, int]:
    return tensor.data_ptr(), tensor.numel()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 5), st.integers(0, 40), st.integers(0, 3), st.integers(0, 1000))
def test_base3_becomes_fields_of_two_bits(rows: int, count: int, threads: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(-1, 2, (rows, count))
    stored = torch.from_numpy(bits.pack_codes(codes, TernaryGrid(pack="base3")))
    fields = torch.full((rows, row_bytes(count, 2)), 255, dtype=torch.uint8)
    _native.fields_of_base3(*place(stored), rows, count, fields.data_ptr(), threads)
    assert np.array_equal(fields.numpy(), bits.pack_codes(codes, TernaryGrid()))


def test_bytes_beyond_base3_become_codes_that_are_refused() -> None:
    stored = torch.tensor([243, 255], dtype=torch.uint8)
    fields = torch.zeros(3, dtype=torch.uint8)
    _native.fields_of_base3(*place(stored), 1, 10, fields.data_ptr())
    codes = bits.unpack_fields(fields.numpy()[None], 2, 10)
    assert (codes == 2).any()


PATTERNS = ((2, 4), (1, 1), (3, 3), (1, 7), (6, 7), (4, 8), (8, 16), (5, 32), (1, 256), (30, 61))


@pytest.mark.parametrize(("kept", "group"), PATTERNS)
def test_ranks_become_positions(kept: int, group: int) -> None:
    rows, sets = 3, 5
    pattern = NM(kept, group, Index.COMBINATION)
    random = np.random.default_rng(0)
    order = random.random((rows, sets, group)).argsort(axis=2)
    order[0, 0], order[0, 1] = np.arange(group), np.arange(group)[::-1]
    places = np.sort(order[..., :kept], axis=2).astype(np.uint8).reshape(rows, sets * kept)
    ranks = np.zeros((rows, 0), np.uint8)
    if pattern.index_bits:
        ranks = bits.pack_index(places, pattern)
    plain = NM(kept, group)
    wanted = np.zeros((rows, 0), np.uint8)
    if plain.index_bits:
        wanted = bits.pack_index(places, plain)
    found = torch.full(wanted.shape, 255, dtype=torch.uint8)
    index = torch.from_numpy(ranks)
    _native.positions_of_ranks(*place(index), rows, sets, kept, group, found.data_ptr())
    assert np.array_equal(found.numpy(), wanted)


def test_ranks_that_no_set_has_are_refused() -> None:
    out = torch.zeros(4, dtype=torch.uint8)
    for kept, group, rank in ((2, 4, 6), (2, 4, 7), (3, 5, 10)):
        index = torch.tensor([rank], dtype=torch.uint8)
        with pytest.raises(ValueError, match="no set"):
            _native.positions_of_ranks(*place(index), 1, 1, kept, group, out.data_ptr())
    index = torch.zeros(8, dtype=torch.uint8)
    for kept, group, size, message in ((0, 4, 1, "N:M"), (2, 4, 2, "size"), (64, 128, 8, "63")):
        with pytest.raises(ValueError, match=message):
            _native.positions_of_ranks(index.data_ptr(), size, 1, 1, kept, group, out.data_ptr())
    assert math.comb(128, 64) > 2**63


@pytest.mark.parametrize("size", [0, 1, 4095, (1 << 21) - 1, 1 << 21, (5 << 20) + 7])
def test_buffers(size: int) -> None:
    buffer = _native.buffer(size)
    assert (buffer.shape, buffer.dtype, buffer.is_contiguous()) == ((size,), torch.uint8, True)
    assert buffer.untyped_storage().nbytes() == size
    assert buffer.data_ptr() % (1 << 21 if size >= 1 << 21 else 64) == 0
    buffer.fill_(7)
    assert torch.equal(buffer.clone(), buffer)


def resident() -> int:
    """Bytes in memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs Linux's /proc")
def test_memory_is_given_back() -> None:
    packed = repack(
        torch.zeros(2000, 100, dtype=torch.uint8),
        torch.ones(1, 1),
        kind="integer",
        bits=8,
        outputs=2000,
        in_features=100,
    )
    x = torch.zeros(500, 100)
    before = resident()
    for _ in range(40):
        _native.buffer(4 << 20).fill_(1)
        operations.linear(x, packed, None, 2000, "f32")
    assert resident() - before < 80 << 20  # of 320


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux's /proc")
def test_large_buffers_ask_for_huge_pages() -> None:
    buffer = _native.buffer((6 << 20) + 4096)
    begin, inside, flags = buffer.data_ptr(), False, ""
    for line in Path("/proc/self/smaps").read_text().splitlines():
        head = line.split(maxsplit=1)[0]
        if "-" in head:
            first, _, last = head.partition("-")
            inside = int(first, 16) <= begin < int(last, 16)
        elif inside and head == "VmFlags:":
            flags = line
    assert " hg" in flags
