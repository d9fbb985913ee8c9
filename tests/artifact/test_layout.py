"""The byte rules, each with a number worked out by hand, and the order of the tensors."""

import subprocess
import sys
from dataclasses import replace

import pytest

from qdsl.artifact.layout import ELEMENT_BYTES, layout, storage_tensors
from qdsl.ir.format import (
    F32,
    NORMAL_FLOATS,
    BinaryGrid,
    CodebookGrid,
    FloatGrid,
    FloatType,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    PerChannel,
    PerGroup,
    PerTensor,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.model import Assigned, Parameter, Role, Storage
from qdsl.ir.pattern import NM, Index, Unstructured

INT4 = WeightFormat("int4", IntegerGrid(4))
INT3 = WeightFormat("int3", IntegerGrid(3))


def tensors(shape, format, rows=1):
    parameter = Parameter("weight", shape, Role.WEIGHT, rows=rows)
    entries = storage_tensors(Storage("blocks[3].up.weight", "Linear", parameter, Assigned(format)))
    return {e.key.removeprefix("blocks.3.up.weight"): (e.dtype, e.shape, e.nbytes) for e in entries}


@pytest.mark.parametrize(
    ("shape", "format", "expected"),
    [
        ((5, 7), F32, {"": ("F32", (5, 7), 140)}),
        (
            (5, 7),
            WeightFormat("bf16", FloatGrid(FloatType.BF16)),
            {"": ("BF16", (5, 7), 70)},
        ),
        # 7 codes of 3 bits: 21 bits, 3 bytes a row
        ((5, 7), INT3, {".codes": ("U8", (5, 3), 15), ".scales": ("F32", (5, 1), 20)}),
        (
            (5, 7),
            replace(INT3, grouping=PerTensor(), scale=FloatType.F16),
            {".codes": ("U8", (5, 3), 15), ".scales": ("F16", (1, 1), 2)},
        ),
        # 10 weights in groups of 4: 3 groups, the last of 2; 3 zeros of 4 bits: 2 bytes a row
        (
            (6, 10),
            replace(INT4, grouping=PerGroup(4, short_tail=True), zero=IntegerZero()),
            {
                ".codes": ("U8", (6, 5), 30),
                ".scales": ("F32", (6, 3), 72),
                ".zeros": ("U8", (6, 2), 12),
            },
        ),
        (
            (6, 8),
            replace(INT4, grouping=PerGroup(4), zero=FloatZero(FloatType.BF16)),
            {
                ".codes": ("U8", (6, 4), 24),
                ".scales": ("F32", (6, 2), 48),
                ".zeros": ("BF16", (6, 2), 24),
            },
        ),
        # 2:4 of 8 keeps 4 weights; a number below 6 for each of 2 groups is 6 bits
        (
            (3, 8),
            WeightFormat("bf16", FloatGrid(FloatType.BF16), pattern=NM(2, 4, Index.COMBINATION)),
            {".codes": ("BF16", (3, 4), 24), ".index": ("U8", (3, 1), 3)},
        ),
        # 8:16 has 12,870 sets: 14 bits for each of 2 groups
        (
            (3, 32),
            replace(INT4, pattern=NM(8, 16, Index.COMBINATION)),
            {
                ".codes": ("U8", (3, 8), 24),
                ".scales": ("F32", (3, 1), 12),
                ".index": ("U8", (3, 4), 12),
            },
        ),
        # a share is stored dense
        (
            (5, 7),
            replace(INT3, pattern=Unstructured(900_000)),
            {".codes": ("U8", (5, 3), 15), ".scales": ("F32", (5, 1), 20)},
        ),
        # 3:8 of 16 keeps 6 codes: 24 bits; 6 positions of 3 bits: 18 bits, 3 bytes
        (
            (2, 16),
            replace(INT4, pattern=NM(3, 8)),
            {
                ".codes": ("U8", (2, 3), 6),
                ".scales": ("F32", (2, 1), 8),
                ".index": ("U8", (2, 3), 6),
            },
        ),
        # a kernel [out, 3, in 4]: 12 weights a row, 2 bits each
        (
            (9, 3, 4),
            WeightFormat("ternary", TernaryGrid()),
            {".codes": ("U8", (9, 3), 27), ".scales": ("F32", (9, 1), 36)},
        ),
        # 3 bits each, and eight values of 4 bytes
        (
            (4, 5),
            WeightFormat("kmeans3", CodebookGrid(3), PerTensor(), FloatType.F16),
            {
                ".codes": ("U8", (4, 2), 8),
                ".scales": ("F16", (1, 1), 2),
                ".codebook": ("F32", (8,), 32),
            },
        ),
        (
            (4, 5),
            WeightFormat("nf4", CodebookGrid(4, NORMAL_FLOATS)),
            {".codes": ("U8", (4, 3), 12), ".scales": ("F32", (4, 1), 16)},
        ),
        (
            (9, 17),
            WeightFormat("binary", BinaryGrid(), PerChannel(), FloatType.BF16),
            {".codes": ("U8", (9, 3), 27), ".scales": ("BF16", (9, 1), 18)},
        ),
    ],
)
def test_bytes_of_a_weight(shape, format, expected):
    assert tensors(shape, format) == expected


def test_rows_are_the_leading_axes_that_the_parameter_says():
    found = tensors((4, 5, 6), INT4, rows=2)
    assert found[".codes"] == ("U8", (20, 3), 60)


def test_tensors_stand_end_to_end_largest_elements_first_then_by_key(small_model):
    placed = layout(small_model).tensors
    order = [(-ELEMENT_BYTES[p.entry.dtype], p.entry.key) for p in placed]
    assert order == sorted(order)
    ends = [0, *(p.end for p in placed)]
    assert [p.begin for p in placed] == ends[:-1]
    assert all(p.begin % ELEMENT_BYTES[p.entry.dtype] == 0 for p in placed)


def test_the_header_ends_at_a_multiple_of_64(small_model):
    plan = layout(small_model)
    assert plan.header_bytes % 64 == 0
    assert int.from_bytes(plan.header[:8], "little") == plan.header_bytes - 8
    assert plan.total_bytes == plan.header_bytes + plan.tensors[-1].end


def test_layout_needs_neither_numpy_nor_torch():
    code = "import sys, qdsl.size.report, qdsl.passes; print({'numpy', 'torch'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "set()\n"
