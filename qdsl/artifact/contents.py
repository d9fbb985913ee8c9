"""Checks what the tensors of a packed file hold, so that a kernel may trust codes and index."""

from collections.abc import Callable
from functools import cache, reduce

import numpy as np
from numpy.typing import NDArray

from qdsl.artifact import refusal
from qdsl.artifact.bits import unpack_base3, unpack_fields, unpack_wide
from qdsl.artifact.layout import (
    Part,
    TensorEntry,
    kept_per_row,
    range_tensors,
    scale_shape,
    storage_tensors,
)
from qdsl.artifact.refusal import Refusal
from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FloatGrid,
    IntegerGrid,
    Levels,
    QuantizedGrid,
    TernaryGrid,
    code_bits,
)
from qdsl.ir.model import Model, Storage
from qdsl.ir.pattern import NM, Index, Pattern, combinations
from qdsl.ir.ranges import ranges

Bytes = NDArray[np.uint8]

_CHUNK = 1 << 22  # bytes of a tensor that are looked at together


def check_contents(model: Model, tensor: Callable[[str], NDArray[np.generic]]) -> None:
    """Raises Refusal for a code outside its grid, an index that does not ascend, a bad scale."""
    for storage in model.storages:
        for entry in storage_tensors(storage):
            if entry.part is Part.INDEX:
                _check_index(storage, entry, tensor(entry.key))
            elif not storage.format.is_float:
                _check(storage, entry, tensor(entry.key))
    for found in ranges(model):
        for entry in range_tensors(found):
            data = tensor(entry.key).reshape(1, 1)
            bits = found.format.grid.bits
            zero = entry.part is Part.ZEROS
            _require(_rest_is_zero(data, bits) if zero else _is_finite(data, entry.dtype), entry)


def _require(sound: bool, entry: TensorEntry) -> None:
    if not sound:
        message = f"tensor `{entry.key}` holds what no packer writes"
        raise Refusal(refusal.IMPOSSIBLE_CODE, message)


def _check(storage: Storage, entry: TensorEntry, data: NDArray[np.generic]) -> None:
    format, (outputs, k) = storage.format, storage.parameter.matrix
    assert not isinstance(format.grid, FloatGrid)
    bits, (kept, _) = code_bits(format.grid), kept_per_row(format.pattern, k)
    for rows in _chunks(data):
        match entry.part:
            case Part.CODES if (
                isinstance(grid := format.grid, TernaryGrid) and grid.pack == "base3"
            ):
                sound = _is_base3(rows.view(np.uint8), kept)
            case Part.CODES:
                sound = _rest_is_zero(rows, kept * bits) and _in_grid(rows, format.grid, kept)
            case Part.ZEROS if entry.dtype == "U8":
                groups = scale_shape(format.grouping, outputs, k)[1]
                sound = _rest_is_zero(rows, groups * bits)
            case Part.CODEBOOK:
                sound = _is_finite(rows, entry.dtype) and bool((np.diff(rows) >= 0).all())
            case _:
                sound = _is_finite(rows, entry.dtype)
        _require(sound, entry)


def _check_index(storage: Storage, entry: TensorEntry, data: NDArray[np.generic]) -> None:
    pattern, (_, k) = storage.format.pattern, storage.parameter.matrix
    kept, index_bits = kept_per_row(pattern, k)
    for rows in _chunks(data):
        sound = _rest_is_zero(rows, index_bits) and _names_sets(rows, pattern, kept)
        _require(sound, entry)


def _chunks(data: NDArray[np.generic]) -> list[NDArray[np.generic]]:
    step = max(1, _CHUNK // max(data[:1].nbytes, 1))
    return [data[i : i + step] for i in range(0, data.shape[0], step)]


def _rest_is_zero(rows: NDArray[np.generic], used: int) -> bool:
    """Whether the bits of each row's last byte after the `used` ones are 0."""
    if used % 8 == 0:
        return True
    last = rows[:, -1].astype(np.uint8)
    return not (last >> np.uint8(used % 8)).any()


def _in_grid(rows: NDArray[np.generic], grid: QuantizedGrid, count: int) -> bool:
    """A ternary or narrow grid has all codes of its bits but the least, -2^(b-1)."""
    match grid:
        case TernaryGrid() | IntegerGrid(levels=Levels.NARROW, signed=True):
            return not _has_least(rows.view(np.uint8), code_bits(grid), count)
        case IntegerGrid() | BinaryGrid() | CodebookGrid():
            return True


def _has_least(rows: Bytes, bits: int, count: int) -> bool:
    """Whether a code is -2^(bits - 1): its highest bit and no other."""
    if bits not in (2, 4):
        return bool((unpack_fields(rows, bits, count) == 1 << (bits - 1)).any())
    others = reduce(np.bitwise_or, (rows >> np.uint8(i) for i in range(bits - 1)))
    lowest = np.uint8(sum(1 << i for i in range(0, 8, bits)))
    return bool(((rows >> np.uint8(bits - 1)) & ~others & lowest).any())


def _is_base3(rows: Bytes, count: int) -> bool:
    """Five digits a byte, and nothing after the last of a row."""
    last = unpack_base3(rows[:, -1:])[:, (count - 1) % 5 + 1 :]
    return bool((rows < 3**5).all()) and not last.any()


def _names_sets(rows: NDArray[np.generic], pattern: Pattern, count: int) -> bool:
    """Positions lie inside their group of M and ascend; ranks are of a set that there is."""
    assert isinstance(pattern, NM)
    if pattern.index is Index.COMBINATION:
        unpack = unpack_fields if pattern.index_bits <= 8 else unpack_wide
        ranks = unpack(rows.view(np.uint8), pattern.index_bits, count // pattern.kept)
        return bool((ranks < combinations(pattern.group, pattern.kept)).all())
    whole = 0
    if 8 % (pattern.kept * pattern.index_bits) == 0:
        whole = count * pattern.index_bits // 8
        sound = _sound_bytes(pattern)
        # what is left without the sound bytes: a byte of numpy's own look-up takes three times that
        if any(row.tobytes().translate(None, sound) for row in rows[:, :whole]):
            return False
        count -= whole * 8 // pattern.index_bits
    return _ascends(rows[:, whole:].view(np.uint8), pattern, count)


def _ascends(rows: Bytes, pattern: NM, count: int) -> bool:
    """Whether the `count` positions of each row are those of kept codes, group by group."""
    fields = unpack_fields(rows, pattern.index_bits, count)
    groups = fields.reshape(len(rows), count // pattern.kept, pattern.kept)
    inside = bool((fields <= pattern.group - 1).all())
    return inside and bool((groups[:, :, 1:] > groups[:, :, :-1]).all())


@cache
def _sound_bytes(pattern: NM) -> bytes:
    """The bytes whose groups all ascend, where a byte holds whole groups."""
    every = np.arange(256, dtype=np.uint8).reshape(256, 1, 1)
    return bytes(b for b in range(256) if _ascends(every[b], pattern, 8 // pattern.index_bits))


def _is_finite(rows: NDArray[np.generic], dtype: str) -> bool:
    if dtype == "BF16":
        exponent = np.uint16(0x7F80)
        return not ((rows.view(np.uint16) & exponent) == exponent).any()
    return bool(np.isfinite(rows.astype(np.float32)).all())
