"""Repacks canonical weights and reads the numbers back."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from qdsl.ir.format import (
    BinaryGrid,
    FloatGrid,
    FloatType,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    Levels,
    PerGroup,
    PerTensor,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import NM
from qdsl.target import CanonicalWeight
from qdsl_cpu import BACKEND, operations
from qdsl_cpu.weights import repack

Make = Callable[..., Any]


def dequantized(packed: Tensor, outputs: int, in_features: int) -> Tensor:
    return operations.dequantize(packed, outputs, in_features)


def test_dequantized_is_what_was_packed(format: Any, make_weight: Make) -> None:
    for outputs, in_features in ((1, 1), (3, 5), (17, 33), (40, 130), (0, 8), (8, 0)):
        weight = make_weight(format, outputs, in_features)
        dense = dequantized(weight.packed, outputs, in_features)
        assert torch.equal(dense, torch.from_numpy(weight.dense))


def test_embedding_reads_rows(format: Any, make_weight: Make) -> None:
    weight = make_weight(format, 40, 33)
    ids = torch.tensor([[0, 39, 7], [7, 16, 15]])
    rows = operations.embedding(ids, weight.packed, 33)
    assert torch.equal(rows, torch.from_numpy(weight.dense)[ids])
    assert torch.equal(operations.embedding(ids.int().T, weight.packed, 33), rows.transpose(0, 1))
    assert operations.embedding(ids[:0], weight.packed, 33).shape == (0, 3, 33)


@pytest.mark.parametrize("id", [-1, 40, 2**40])
def test_embedding_refuses_rows_that_are_not_there(
    id: int, make_format: Make, make_weight: Make
) -> None:
    weight = make_weight(make_format(), 40, 33)
    with pytest.raises(IndexError, match=str(id)):
        operations.embedding(torch.tensor([3, id]), weight.packed, 33)


def test_one_scale_and_zero_for_the_tensor(pack: Make) -> None:
    codes, zero = np.arange(12).reshape(3, 4), np.array([[5]])
    packed = repack(
        pack(codes, 4),
        torch.tensor([[0.5]], dtype=torch.float16),
        pack(zero, 4),
        kind="integer",
        bits=4,
        signed=False,
        outputs=3,
        in_features=4,
        zero="int",
    )
    assert torch.equal(dequantized(packed, 3, 4), torch.from_numpy(codes - 5).float() * 0.5)


@pytest.mark.parametrize(
    ("format", "words"),
    [
        (WeightFormat("int4", IntegerGrid(4)), {"bits": 4}),
        (WeightFormat("int4", IntegerGrid(4, levels=Levels.HALF)), {"bits": 4, "half": True}),
        (
            WeightFormat("uint2", IntegerGrid(2, signed=False), PerGroup(8), zero=IntegerZero()),
            {"bits": 2, "signed": False, "group": 8, "zero": "int"},
        ),
        (
            WeightFormat("uint4", IntegerGrid(4, signed=False), zero=FloatZero()),
            {"bits": 4, "signed": False, "zero": "float"},
        ),
        (WeightFormat("ternary", TernaryGrid()), {"kind": "ternary", "bits": 2}),
        (
            WeightFormat("binary", BinaryGrid(), PerGroup(12), pattern=NM(2, 4)),
            {"kind": "binary", "bits": 1, "group": 12, "pattern": (2, 4)},
        ),
    ],
)
def test_backend_repacks_what_a_format_describes(
    format: WeightFormat, words: dict[str, Any], make_format: Make, make_weight: Make, pack: Make
) -> None:
    weight = make_weight(make_format(**words), 5, 24)
    packed = BACKEND.repack(canonical(format, weight, pack))
    assert torch.equal(dequantized(packed, 5, 24), torch.from_numpy(weight.dense))


def canonical(format: WeightFormat, weight: Any, pack: Make) -> CanonicalWeight:
    """The canonical tensors again, read out of the numbers of the weight."""
    bits = weight.format.bits
    index = None
    codes = weight.codes
    zeros: Tensor | None = None
    if isinstance(format.zero, IntegerZero):
        # codes are 2 * (q - z): any z that keeps q in range gives the same numbers
        group = codes.reshape(codes.shape[0], -1, weight.format.group)
        z = np.maximum(0, -(group.min(axis=2) // 2))
        zeros, codes = pack(z, bits), codes + 2 * np.repeat(z, weight.format.group, axis=1)
    elif weight.shifts is not None:
        zeros = torch.from_numpy(weight.shifts)
    if isinstance(format.pattern, NM):
        kept = np.stack([np.flatnonzero(row) for row in codes])
        index = pack(kept % format.pattern.group, format.pattern.index_bits)
        codes = np.take_along_axis(codes, kept, axis=1)
    q = codes > 0 if weight.format.kind == "binary" else codes >> 1
    scales = torch.from_numpy(weight.scales)
    return CanonicalWeight(format, *weight.codes.shape, pack(q, bits), scales, zeros, index)


def test_a_float_format_is_not_repacked(make_format: Make, make_weight: Make, pack: Make) -> None:
    weight = make_weight(make_format(), 5, 24)
    for format in (WeightFormat("f16", FloatGrid(FloatType.F16), PerTensor()),):
        with pytest.raises(ValueError, match="f16"):
            BACKEND.repack(canonical(format, weight, pack))


def test_what_contradicts_itself_is_refused(pack: Make) -> None:
    codes, scales = pack(np.zeros((4, 8), np.int64), 4), torch.ones(4, 1)
    index = pack(np.tile([0, 1, 0, 1], (4, 1)), 2)
    words: dict[str, Any] = {"kind": "integer", "bits": 4, "outputs": 4, "in_features": 8}
    sparse = {"codes": codes[:, :2], "index": index, "pattern": (2, 4)}
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"codes": codes[:, :3]}, "codes has 12 elements instead of 16"),
        ({"codes": codes.int()}, "uint8"),
        ({"scales": torch.ones(4, 2)}, "scales"),
        ({"zero": "int"}, "zeros has 0 elements"),
        ({"index": index}, "index has 4 elements instead of 0"),
        ({**sparse, "index": pack(np.tile([1, 0, 0, 1], (4, 1)), 2)}, "ascend"),
        ({**sparse, "index": pack(np.tile([1, 1, 0, 1], (4, 1)), 2)}, "ascend"),
        ({**sparse, "pattern": (5, 4)}, "keeps at most"),
        ({**sparse, "zero": "float", "zeros": scales}, "float zero point with sparsity"),
        ({"kind": "ternary", "bits": 4}, "ternary code has 2 bits"),
        ({"kind": "ternary", "bits": 2, "codes": codes[:, :2] | 2}, "neither -1, 0 nor 1"),
        ({"kind": "binary"}, "binary code has 1 bit"),
        ({"bits": 9}, "1 to 8 bits"),
        ({"bits": 8, "half": True}, "at most 7 bits"),
        ({"half": True, "signed": False}, "symmetric signed"),
        ({"outputs": -1}, "out of range"),
        ({"in_features": 2**40}, "out of range"),
        ({"group": -3}, "out of range"),
    )
    for changes, message in cases:
        arguments = {"codes": codes, "scales": scales, **words, **changes}
        with pytest.raises(ValueError, match=message):
            repack(**arguments)


def test_an_index_outside_the_last_short_group_is_refused(pack: Make) -> None:
    index = pack(np.array([[0, 1, 3]]), 2)  # position 7 of 6
    with pytest.raises(ValueError, match="ascend"):
        repack(
            pack(np.zeros((1, 3), np.int64), 4),
            torch.ones(1, 1),
            None,
            index,
            kind="integer",
            bits=4,
            outputs=1,
            in_features=5,
            pattern=(2, 4),
        )


@pytest.mark.parametrize("at", [0, 4, 6, 8, 16, 24, 32, 40, 47, 48, 52, 56, 57, 58, 59, 60])
def test_an_edited_header_is_refused(at: int, make_format: Make, make_weight: Make) -> None:
    packed = make_weight(make_format(group=8), 20, 24).packed.clone()
    packed[at] = 255 - packed[at]
    with pytest.raises(ValueError, match="packed"):
        operations.dequantize(packed, 20, 24)


def test_a_weight_that_is_not_aligned_is_refused(make_format: Make, make_weight: Make) -> None:
    packed = make_weight(make_format(), 20, 24).packed
    moved = torch.cat([torch.zeros(1, dtype=torch.uint8), packed])[1:]
    with pytest.raises(ValueError, match="aligned"):
        operations.dequantize(moved, 20, 24)
