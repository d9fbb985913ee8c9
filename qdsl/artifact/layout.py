"""Says where each byte of a packed file goes; the size report and the writer both read it.

A weight is a matrix [outputs, K]. Codes, index and integer zeros are rows of bits that each start
on a byte; scales and float zeros are tables [outputs, groups], of one row where the format has one
scale for all.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from math import prod
from typing import assert_never

from qdsl.artifact.header import render
from qdsl.artifact.schema import canonical, model_to_json
from qdsl.ir.format import (
    CodebookGrid,
    FloatGrid,
    FloatType,
    FloatZero,
    Grouping,
    IntegerZero,
    PerChannel,
    PerGroup,
    PerTensor,
    PerToken,
    QuantizedGrid,
    Symmetric,
    TernaryGrid,
    WeightFormat,
    code_bits,
)
from qdsl.ir.integer import Table, tables
from qdsl.ir.model import Model, Parameter, Storage, state_key
from qdsl.ir.pattern import NM, Dense, Pattern, Unstructured
from qdsl.ir.ranges import Range, ranges
from qdsl.record import record

_DTYPES = {FloatType.F32: "F32", FloatType.F16: "F16", FloatType.BF16: "BF16"}
TABLE_BYTES = 256
ELEMENT_BYTES = {"F32": 4, "F16": 2, "BF16": 2, "U8": 1}


class Part(StrEnum):
    """What a tensor of a storage holds, and the last word of its key (a float has none)."""

    FLOAT = ""
    CODES = "codes"
    SCALES = "scales"
    ZEROS = "zeros"
    INDEX = "index"
    TABLE = "table"
    CODEBOOK = "codebook"


@record
class TensorEntry:
    """A tensor of the file; `dtype` is F32, F16, BF16 or U8."""

    key: str
    part: Part
    dtype: str
    shape: tuple[int, ...]
    nbytes: int


@record
class Placed:
    """A tensor and its bytes, counted from the end of the header; `end` is exclusive."""

    entry: TensorEntry
    begin: int
    end: int


@record
class Layout:
    """A whole file; `header` has its digests and certificate blank, which keep their length."""

    tensors: tuple[Placed, ...]
    header: bytes

    @property
    def header_bytes(self) -> int:
        return len(self.header)

    @property
    def tensor_bytes(self) -> int:
        return self.tensors[-1].end if self.tensors else 0

    @property
    def total_bytes(self) -> int:
        return self.header_bytes + self.tensor_bytes


def layout(model: Model, choices: Mapping[str, str] | None = None) -> Layout:
    """The file of a model; `choices` are the formats that a lock gave, storage path → format.

    Tensors are ordered by descending element size, then key, so that each is aligned.
    """
    # what is alike is mostly one value: known by identity, it costs no hash
    alike: dict[tuple[int, int], tuple[Tensor, ...]] = {}
    entries: list[TensorEntry] = []
    for s in model.storages:
        kind = id(s.format), id(s.parameter)
        if kind not in alike:
            alike[kind] = _parts(s.format, s.parameter)
        entries += _named(s, alike[kind])
    entries += (e for r in ranges(model) for e in range_tensors(r))
    entries += map(table_tensor, tables(model))
    entries.sort(key=lambda e: (-ELEMENT_BYTES[e.dtype], e.key))
    placed, begin = [], 0
    for entry in entries:
        placed.append(Placed(entry, begin, begin + entry.nbytes))
        begin += entry.nbytes
    header = render(
        model=model_to_json(model),
        choices=canonical(dict(choices or {})),
        ties={state_key(a): state_key(o) for a, o in model.ties.items()},
        tensors=((p.entry.key, p.entry.dtype, p.entry.shape, p.begin, p.end) for p in placed),
    )
    return Layout(tuple(placed), header)


def storage_tensors(storage: Storage) -> tuple[TensorEntry, ...]:
    """The tensors that hold a storage: itself, or codes, scales, zeros and index."""
    return tuple(_named(storage, _parts(storage.format, storage.parameter)))


def _named(storage: Storage, parts: tuple["Tensor", ...]) -> Iterator[TensorEntry]:
    key = state_key(storage.path)
    for part, dtype, shape, nbytes in parts:
        yield TensorEntry(f"{key}.{part}" if part else key, part, dtype, shape, nbytes)


def range_tensors(range: Range) -> Iterator[TensorEntry]:
    """The scale of a static range and, where it is asymmetric, its zero point."""
    key = f"{state_key(range.path)}.{range.name}"
    scale, zero = range.format.range_bytes
    yield TensorEntry(f"{key}.{Part.SCALES}", Part.SCALES, "F32", (1,), scale)
    if zero:
        yield TensorEntry(f"{key}.{Part.ZEROS}", Part.ZEROS, "U8", (1,), zero)


def table_tensor(table: Table) -> TensorEntry:
    """The 256 entries of a function in integer arithmetic."""
    key = f"{state_key(table.path)}.{table.name}"
    return TensorEntry(key, Part.TABLE, "U8", (TABLE_BYTES,), TABLE_BYTES)


def storage_bytes(storage: Storage) -> Mapping[Part, int]:
    """Bytes of each tensor that holds a storage."""
    parts = _parts(storage.format, storage.parameter)
    return {part: nbytes for part, _, _, nbytes in parts}


Tensor = tuple[Part, str, tuple[int, ...], int]


@lru_cache(maxsize=16384)
def _parts(format: WeightFormat, parameter: Parameter) -> tuple[Tensor, ...]:
    grid, (outputs, k) = format.grid, parameter.matrix
    kept, index_bits = kept_per_row(format.pattern, k)
    index = _tensor(Part.INDEX, "U8", (outputs, row_bytes(1, index_bits)))
    indices = (index,) if index_bits else ()
    if isinstance(grid, FloatGrid):
        dtype = _DTYPES[grid.type]
        if isinstance(format.pattern, NM):
            return (_tensor(Part.CODES, dtype, (outputs, kept)), *indices)
        return (_tensor(Part.FLOAT, dtype, parameter.shape),)
    bits = code_bits(grid)
    rows, groups = scale_shape(format.grouping, outputs, k)
    codes = _tensor(Part.CODES, "U8", (outputs, code_row_bytes(grid, kept)))
    scales = _tensor(Part.SCALES, _DTYPES[format.scale], (rows, groups))
    zeros: tuple[Tensor, ...]
    match format.zero:
        case Symmetric():
            zeros = ()
        case IntegerZero():
            zeros = (_tensor(Part.ZEROS, "U8", (rows, row_bytes(groups, bits))),)
        case FloatZero(type):
            zeros = (_tensor(Part.ZEROS, _DTYPES[type], (rows, groups)),)
        case _:
            assert_never(format.zero)
    return (codes, scales, *zeros, *indices, *_codebook(grid))


def _codebook(grid: QuantizedGrid) -> tuple[Tensor, ...]:
    """The values of a codebook that training found."""
    if not isinstance(grid, CodebookGrid) or grid.values:
        return ()
    return (_tensor(Part.CODEBOOK, "F32", (1 << grid.bits,)),)


def code_row_bytes(grid: QuantizedGrid, count: int) -> int:
    """Bytes of a row of `count` codes: of as many bits each, or five in a byte (3^5 <= 2^8)."""
    if isinstance(grid, TernaryGrid) and grid.pack == "base3":
        return -(-count // 5)
    return row_bytes(count, code_bits(grid))


def row_bytes(count: int, bits: int) -> int:
    """Bytes of a row of `count` numbers of `bits` bits, which starts on a byte."""
    return (count * bits + 7) // 8


def scale_shape(grouping: Grouping, outputs: int, k: int) -> tuple[int, int]:
    """Rows and columns of the table of scales of a weight [outputs, k]."""
    match grouping:
        case PerTensor():
            return 1, 1
        case PerChannel():
            return outputs, 1
        case PerGroup(size):
            return outputs, -(-k // size)
        case PerToken():
            raise ValueError("a weight has no tokens")
        case _:
            assert_never(grouping)


def kept_per_row(pattern: Pattern, k: int) -> tuple[int, int]:
    """Codes stored of a row of `k`, and bits of its index; raises ValueError for a part group."""
    match pattern:
        case Dense() | Unstructured():
            return k, 0
        case NM(kept, group):
            if k % group:
                raise ValueError(f"{k} weights of a row are no multiple of {group}")
            groups = k // group
            return groups * kept, groups * pattern.entries * pattern.index_bits
        case _:
            assert_never(pattern)


def _tensor(part: Part, dtype: str, shape: tuple[int, ...]) -> Tensor:
    return part, dtype, shape, prod(shape) * ELEMENT_BYTES[dtype]
