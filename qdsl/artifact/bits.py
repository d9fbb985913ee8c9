"""Packs rows of small integers into bytes and back: codes, integer zeros and the index of N:M.

Each row starts on a byte. Number i of a row takes bits i·b to i·b + b - 1 of it, lowest bit first,
where bit j of a row is bit j mod 8 of its byte j // 8. What is left of the last byte is 0. Signed
numbers are two's complement of b bits; a ternary code is one of 2 bits, or with `pack` base3 a
digit of a byte; a binary code is 1 for +1 and 0 for -1.
"""

from typing import TypeVar, assert_never

import numpy as np
from numpy.typing import NDArray

from qdsl.artifact import combination
from qdsl.artifact.layout import row_bytes
from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    IntegerGrid,
    QuantizedGrid,
    TernaryGrid,
    code_bits,
)
from qdsl.ir.pattern import NM, Index

Codes = NDArray[np.int16]
Bytes = NDArray[np.uint8]
Number = TypeVar("Number", bound=np.generic)

_CHUNK = 1 << 20  # numbers worked on at once: 8 bytes of scratch each


# ---- fields of b bits --------------------------------------------------------------------------


def pack_fields(fields: NDArray[np.integer], bits: int) -> Bytes:
    """Unsigned numbers below 2^bits [rows, n] → u8 [rows, ceil(n·bits / 8)]; bits 1 to 63."""
    rows, count = fields.shape
    packed = np.empty((rows, row_bytes(count, bits)), np.uint8)
    for part in _chunks(rows, count):
        packed[part] = (_pack_rows if bits <= 8 else _pack_wide)(fields[part], bits)
    return packed


def unpack_wide(packed: Bytes, bits: int, count: int) -> NDArray[np.uint64]:
    """The inverse for any bits: u8 [rows, row bytes] → u64 [rows, count]."""
    fields = np.empty((packed.shape[0], count), np.uint64)
    for part in _chunks(packed.shape[0], count * bits):
        flags = np.unpackbits(packed[part], axis=1, count=count * bits, bitorder="little")
        split = flags.reshape(len(flags), count, bits).astype(np.uint64)
        fields[part] = (split << np.arange(bits, dtype=np.uint64)).sum(axis=2, dtype=np.uint64)
    return fields


def unpack_fields(packed: Bytes, bits: int, count: int) -> Bytes:
    """The inverse for at most 8 bits: u8 [rows, row bytes] → u8 [rows, count]."""
    if bits == 8:
        return packed.copy()
    fields = np.empty((packed.shape[0], count), np.uint8)
    for part in _chunks(packed.shape[0], count):
        fields[part] = _unpack_rows(packed[part], bits, count)
    return fields


def _chunks(rows: int, count: int) -> list[slice]:
    step = max(1, _CHUNK // max(count, 1))
    return [slice(i, i + step) for i in range(0, rows, step)]


def _pack_rows(fields: NDArray[np.integer], bits: int) -> Bytes:
    """Eight numbers of b bits are b bytes: the low b bytes of one 64-bit word."""
    rows, count = fields.shape
    words = -(-count // 8)
    padded = np.zeros((rows, words * 8), np.uint64)
    padded[:, :count] = fields
    shifted = padded.reshape(rows, words, 8) << _shifts(bits)
    joined = np.bitwise_or.reduce(shifted, axis=2).astype("<u8")
    data: Bytes = joined.view(np.uint8).reshape(rows, words, 8)[:, :, :bits]
    return data.reshape(rows, words * bits)[:, : row_bytes(count, bits)]


def _pack_wide(fields: NDArray[np.integer], bits: int) -> Bytes:
    """One bit a byte, then eight in one."""
    rows, count = fields.shape
    places = np.arange(bits, dtype=np.uint64)
    flags = (fields.astype(np.uint64)[:, :, None] >> places) & np.uint64(1)
    flat = flags.astype(np.uint8).reshape(rows, count * bits)
    packed: Bytes = np.packbits(flat, axis=1, bitorder="little")
    return packed


def _unpack_rows(packed: Bytes, bits: int, count: int) -> Bytes:
    rows, words = packed.shape[0], -(-count // 8)
    padded = np.zeros((rows, words * bits), np.uint8)
    padded[:, : packed.shape[1]] = packed
    data = np.zeros((rows, words, 8), np.uint8)
    data[:, :, :bits] = padded.reshape(rows, words, bits)
    joined = data.view("<u8").astype(np.uint64)  # [rows, words, 1]
    fields = (joined >> _shifts(bits)) & np.uint64((1 << bits) - 1)
    return fields.astype(np.uint8).reshape(rows, words * 8)[:, :count]


def _shifts(bits: int) -> NDArray[np.uint64]:
    return np.arange(8, dtype=np.uint64) * np.uint64(bits)


# ---- codes of a grid ---------------------------------------------------------------------------


def pack_codes(codes: NDArray[np.integer], grid: QuantizedGrid) -> Bytes:
    """Codes of a grid, integers [rows, n] → u8 [rows, row bytes]; binary codes are -1 and +1."""
    bits = code_bits(grid)
    match grid:
        case TernaryGrid(pack="base3"):
            return _pack_base3(codes)
        case IntegerGrid() | TernaryGrid() | CodebookGrid():
            return pack_fields(codes & ((1 << bits) - 1), bits)
        case BinaryGrid():
            return pack_fields((codes > 0).view(np.uint8), bits)
        case _:
            assert_never(grid)


def unpack_codes(packed: Bytes, grid: QuantizedGrid, count: int) -> Codes:
    """The inverse: u8 [rows, row bytes] → i16 [rows, count]."""
    if isinstance(grid, TernaryGrid) and grid.pack == "base3":
        return unpack_base3(packed)[:, :count].astype(np.int16) - np.int16(1)
    bits = code_bits(grid)
    fields = unpack_fields(packed, bits, count).astype(np.int16)
    match grid:
        case IntegerGrid(signed=False) | CodebookGrid():
            return fields
        case IntegerGrid() | TernaryGrid():
            sign = np.int16(1 << (bits - 1))
            return (fields ^ sign) - sign
        case BinaryGrid():
            return 2 * fields - np.int16(1)
        case _:
            assert_never(grid)


def _pack_base3(codes: NDArray[np.integer]) -> Bytes:
    """Five codes in a byte: the sum of (code i + 1)·3^i, and 0 for those that a row lacks."""
    rows, count = codes.shape
    width = -(-count // 5)
    digits = np.zeros((rows, width * 5), np.uint8)
    digits[:, :count] = codes + 1
    packed: Bytes = (digits.reshape(rows, width, 5) * _POWERS).sum(axis=2, dtype=np.uint8)
    return packed


def unpack_base3(packed: Bytes) -> Bytes:
    """The digits 0, 1 and 2 of each byte, u8 [rows, 5 · row bytes]; above 242 a last digit of 3."""
    digits: Bytes = packed[:, :, None] // _POWERS
    digits[:, :, :4] %= 3
    return digits.reshape(packed.shape[0], packed.shape[1] * 5)


_POWERS = np.array([1, 3, 9, 27, 81], np.uint8)


# ---- N:M ---------------------------------------------------------------------------------------


def positions(mask: NDArray[np.bool_], pattern: NM) -> Bytes:
    """Where the kept weights of each group stand: mask [rows, K] → u8 [rows, K / M · N].

    Positions in a group ascend. Raises ValueError unless every group of M keeps exactly N.
    """
    rows, k = mask.shape
    groups = mask.reshape(rows, k // pattern.group, pattern.group)
    if (groups.sum(axis=2) != pattern.kept).any():
        raise ValueError(f"a mask of {pattern} keeps another number somewhere")
    kept = np.nonzero(groups)[2].astype(np.uint8)
    return kept.reshape(rows, k // pattern.group * pattern.kept)


def gather(values: NDArray[Number], index: Bytes, pattern: NM) -> NDArray[Number]:
    """The kept values of [rows, K], in order: [rows, K / M · N]."""
    return np.take_along_axis(values, _columns(index, pattern), axis=1)


def scatter(kept: NDArray[Number], index: Bytes, pattern: NM) -> NDArray[Number]:
    """The inverse of `gather`: [rows, K], 0 where nothing was kept."""
    rows, count = kept.shape
    values = np.zeros((rows, count // pattern.kept * pattern.group), kept.dtype)
    np.put_along_axis(values, _columns(index, pattern), kept, axis=1)
    return values


def pack_index(index: Bytes, pattern: NM) -> Bytes:
    """Positions [rows, K / M · N] as `pattern.index` stores them, u8 [rows, row bytes]."""
    if pattern.index is Index.POSITION:
        return pack_fields(index, pattern.index_bits)
    return pack_fields(combination.ranks(index, pattern), pattern.index_bits)


def unpack_index(packed: Bytes, pattern: NM, count: int) -> Bytes:
    """The inverse, for `count` positions a row; ranks are below C(M, N)."""
    if pattern.index is Index.POSITION:
        return unpack_fields(packed, pattern.index_bits, count)
    ranks = unpack_wide(packed, pattern.index_bits, count // pattern.kept)
    return combination.positions(ranks, pattern)


def _columns(index: Bytes, pattern: NM) -> NDArray[np.int64]:
    starts = np.arange(index.shape[1], dtype=np.int64) // pattern.kept * pattern.group
    return starts + index
