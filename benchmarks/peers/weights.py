"""Makes random weights in the layout of an artifact, for any runtime."""

from itertools import combinations

import torch
from torch import Tensor

from peers.problem import SPARSE, Product
from qdsl.ir.format import (
    NORMAL_FLOATS,
    BinaryGrid,
    CodebookGrid,
    FloatType,
    Grid,
    IntegerGrid,
    PerChannel,
    PerGroup,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import NM, Dense
from qdsl.target import CanonicalWeight

GRIDS: dict[str, Grid] = {
    **{f"int{bits}": IntegerGrid(bits) for bits in (2, 3, 4, 8)},
    "nf4": CodebookGrid(4, NORMAL_FLOATS),
    "ternary": TernaryGrid(),
    "binary": BinaryGrid(),
}


def weight(problem: Product) -> CanonicalWeight:
    """Random codes in the layout of an artifact."""
    word, sparse = problem.weights.removesuffix(SPARSE), problem.weights.endswith(SPARSE)
    format = WeightFormat(
        word,
        GRIDS[word],
        PerGroup(problem.group) if problem.group else PerChannel(),
        FloatType.F16 if problem.group else FloatType.F32,
        pattern=NM(2, 4) if sparse else Dense(),
    )
    kept = problem.inputs // 2 if sparse else problem.inputs
    groups = problem.inputs // problem.group if problem.group else 1
    scales = (torch.rand(problem.outputs, groups) + 0.5) / 100
    return CanonicalWeight(
        format=format,
        outputs=problem.outputs,
        in_features=problem.inputs,
        codes=_codes(word, problem.outputs, kept * problem.bits // 8),
        scales=scales.half() if problem.group else scales,
        zeros=None,
        index=_index(problem.outputs, problem.inputs) if sparse else None,
    )


def _codes(word: str, rows: int, row_bytes: int) -> Tensor:
    if word == "int8":  # -128 is no code of it
        return torch.randint(-127, 128, (rows, row_bytes), dtype=torch.int8).view(torch.uint8)
    if word == "ternary":
        legal = torch.tensor(
            [a | b << 2 | c << 4 | d << 6 for a in T for b in T for c in T for d in T]
        )
        return legal[torch.randint(len(legal), (rows, row_bytes))].to(torch.uint8)
    return torch.randint(256, (rows, row_bytes), dtype=torch.uint8)


T = (0, 1, 3)  # 0, 1 and -1 in two bits


def _index(rows: int, inputs: int) -> Tensor:
    """Positions of two in each four, two bits each, ascending."""
    pairs = [low | high << 2 for low, high in combinations(range(4), 2)]
    legal = torch.tensor([a | b << 4 for a in pairs for b in pairs], dtype=torch.uint8)
    return legal[torch.randint(len(legal), (rows, inputs // 8))]
