"""Repacks canonical weights into the one buffer that the kernels read."""

from typing import Final, Literal, assert_never

import torch
from torch import Tensor

from qdsl.artifact.layout import kept_per_row, row_bytes
from qdsl.ir.format import (
    BinaryGrid,
    CodebookGrid,
    FloatGrid,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    Levels,
    PerGroup,
    Symmetric,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import NM, Index
from qdsl.target import CanonicalWeight
from qdsl_cpu import _native

_native.exchange_with(torch.Tensor)  # as which buffers are made

Kind = Literal["integer", "ternary", "binary", "codebook", "base3"]
ZeroKind = Literal["none", "int", "float"]

_KINDS: Final = {"integer": 0, "ternary": 1, "binary": 2, "codebook": 3, "base3": 4}
_ZEROS: Final = {"none": 0, "int": 1, "float": 2}
_TYPES: Final = {torch.float32: 0, torch.float16: 1, torch.bfloat16: 2}


def repack_canonical(weight: CanonicalWeight) -> Tensor:
    """`repack` of a weight as its format describes it; ValueError for a float format."""
    format = weight.format
    kind, bits, signed, half = _grid(format)
    return repack(
        _codes(weight),
        weight.scales,
        weight.zeros,
        _index(weight),
        _values(weight),
        kind=kind,
        bits=bits,
        signed=signed,
        half=half,
        outputs=weight.outputs,
        in_features=weight.in_features,
        group=format.grouping.size if isinstance(format.grouping, PerGroup) else 0,
        zero=_zero(format),
        pattern=(p.kept, p.group) if isinstance(p := format.pattern, NM) else None,
    )


def _codes(weight: CanonicalWeight) -> Tensor:
    """The codes in fields of bits, which is what the kernels' repacking reads."""
    grid, pattern = weight.format.grid, weight.format.pattern
    if not isinstance(grid, TernaryGrid) or grid.pack == "2bit":
        return weight.codes
    count = kept_per_row(pattern, weight.in_features)[0]
    given = _bytes(weight.codes)
    fields: Tensor = _native.buffer(weight.outputs * row_bytes(count, 2))
    where = (given.data_ptr(), given.numel(), weight.outputs, count)
    _native.fields_of_base3(*where, fields.data_ptr())
    return fields


def _values(weight: CanonicalWeight) -> Tensor | None:
    """What the codes of a codebook stand for, learned or given by the format."""
    grid = weight.format.grid
    if not isinstance(grid, CodebookGrid):
        return None
    return torch.tensor(grid.values) if weight.codebook is None else weight.codebook


def _index(weight: CanonicalWeight) -> Tensor | None:
    """The index as positions, which is what the kernels' repacking reads."""
    pattern = weight.format.pattern
    if not isinstance(pattern, NM) or pattern.index is Index.POSITION:
        return weight.index
    count = kept_per_row(pattern, weight.in_features)[0]
    width = row_bytes(count, NM(pattern.kept, pattern.group).index_bits)
    given = _bytes(weight.index)  # there is none where all sets are one
    positions: Tensor = _native.buffer(weight.outputs * width)
    where = (given.data_ptr(), given.numel(), weight.outputs, count // pattern.kept)
    _native.positions_of_ranks(*where, pattern.kept, pattern.group, positions.data_ptr())
    return positions


def repack(
    codes: Tensor,
    scales: Tensor,
    zeros: Tensor | None = None,
    index: Tensor | None = None,
    codebook: Tensor | None = None,
    *,
    kind: Kind,
    bits: int,
    signed: bool = True,
    half: bool = False,
    outputs: int,
    in_features: int,
    group: int = 0,
    zero: ZeroKind = "none",
    pattern: tuple[int, int] | None = None,
) -> Tensor:
    """A packed weight, uint8 [bytes], from the tensors of an artifact.

    codes: uint8 [outputs, row bytes], of the kept positions only where there is a `pattern` N:M.
    scales: f32, f16 or bf16 [outputs or 1, groups]; group 0 is the whole row.
    zeros: uint8 [outputs or 1, row bytes] for `zero = "int"`, floats like scales for `"float"`.
    index: uint8 [outputs, row bytes], the position of each kept code in its M, with a pattern.
    codebook: f32 [2^bits], what the codes of `kind = "codebook"` stand for.
    half: a code q stands for q + 1/2.
    kind: `"base3"` is ternary that is held five codes in a byte.

    Scales keep their type. N:M stays compressed where masks of the kept positions take less than
    the pruned ones; otherwise those take the code that stands for 0. Raises ValueError where the
    tensors do not fit the description.
    """
    floating = zero == "float"
    tables = (
        _bytes(codes),
        _bytes(index),
        _bytes(None if floating else zeros),
        _floats(scales),
        _floats(zeros if floating else None),
        torch.empty(0) if codebook is None else codebook.to("cpu", torch.float32).contiguous(),
    )
    grid = (_KINDS[kind], bits, signed, half, _ZEROS[zero])
    types = (_TYPES[tables[3].dtype], _TYPES[tables[4].dtype])
    description = (outputs, in_features, group, *grid, *(pattern or (0, 0)), *types)
    packed = _native.buffer(_native.packed_bytes(description))
    sizes = [t.nbytes if t is not tables[5] else t.numel() for t in tables]
    addresses = [(t.data_ptr(), size) for t, size in zip(tables, sizes, strict=True)]
    _native.repack(description, addresses, packed.data_ptr(), packed.numel())
    return packed


def _grid(format: WeightFormat) -> tuple[Kind, int, bool, bool]:
    """Kind, bits, signed, half."""
    grid = format.grid
    match grid:
        case IntegerGrid(bits=bits, signed=signed, levels=levels):
            return "integer", bits, signed, levels is Levels.HALF
        case TernaryGrid(pack=pack):
            return "base3" if pack == "base3" else "ternary", 2, True, False
        case BinaryGrid():
            return "binary", 1, True, False
        case CodebookGrid(bits=bits):
            return "codebook", bits, False, False
        case FloatGrid():
            raise ValueError(f"`{format.name}` has no codes that a kernel reads")
        case _:
            assert_never(grid)


def _zero(format: WeightFormat) -> ZeroKind:
    zero = format.zero
    match zero:
        case Symmetric():
            return "none"
        case IntegerZero():
            return "int"
        case FloatZero():
            return "float"
        case _:
            assert_never(zero)


def _bytes(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        return torch.empty(0, dtype=torch.uint8)
    if tensor.dtype != torch.uint8:
        raise ValueError(f"packed codes are uint8, not {tensor.dtype}")
    return tensor.cpu().contiguous()


def _floats(tensor: Tensor | None) -> Tensor:
    """On the processor, of a type that is stored."""
    if tensor is None:
        return torch.empty(0)
    if tensor.dtype not in _TYPES:
        raise ValueError(f"scales and zeros are f32, f16 or bf16, not {tensor.dtype}")
    return tensor.cpu().contiguous()
