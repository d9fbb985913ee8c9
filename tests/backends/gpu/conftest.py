"""Fixtures: random weights, packed for GPUs and for the reference; kernels run by the interpreter.

Triton decides what a kernel is when it is imported: while pytest collects, it is told to interpret.
"""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import pytest
import torch
from torch import Tensor

from qdsl.artifact.layout import scale_shape
from qdsl.fx import canonical, reference
from qdsl.fx.numerics import Quantized
from qdsl.ir.format import (
    NORMAL_FLOATS,
    BinaryGrid,
    CodebookGrid,
    FloatType,
    FloatZero,
    IntegerGrid,
    IntegerZero,
    Levels,
    PerGroup,
    PerTensor,
    QuantizedGrid,
    TernaryGrid,
    WeightFormat,
)
from qdsl.ir.pattern import NM, Index
from qdsl.target import CanonicalWeight
from qdsl_gpu.dispatch import trial
from qdsl_gpu.tiles import Tiles
from qdsl_gpu.weights import repack

if find_spec("triton") is not None:
    if "triton" in sys.modules and "qdsl_gpu.operations" not in sys.modules:
        raise RuntimeError("triton was imported before it could be told to interpret")
    before = os.environ.get("TRITON_INTERPRET")
    os.environ["TRITON_INTERPRET"] = "1"
    sys.path.insert(0, os.path.dirname(__file__))
    import interpreter
    import triton.experimental.gluon  # noqa: F401

    import qdsl_gpu.activations
    import qdsl_gpu.masks
    import qdsl_gpu.observing
    import qdsl_gpu.operations
    import qdsl_gpu.training  # noqa: F401

    interpreter.correct()
    del sys.path[0]
    del os.environ["TRITON_INTERPRET"]
    if before is not None:
        os.environ["TRITON_INTERPRET"] = before


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight in every form."""

    format: WeightFormat
    canonical: CanonicalWeight
    packed: Tensor
    reference: Tensor


def _codes(grid: QuantizedGrid, shape: tuple[int, int]) -> Tensor:
    match grid:
        case IntegerGrid():
            return torch.randint(grid.qmin, grid.qmax + 1, shape).float()
        case TernaryGrid():
            return torch.randint(-1, 2, shape).float()
        case BinaryGrid():
            return torch.randint(0, 2, shape).float() * 2 - 1
        case CodebookGrid():
            return torch.randint(0, 1 << grid.bits, shape).float()


def _mask(pattern: NM, shape: tuple[int, int]) -> Tensor:
    scores = torch.rand(shape[0], shape[1] // pattern.group, pattern.group)
    kept = scores.argsort(-1).argsort(-1) < pattern.kept
    return kept.view(shape)


def build(format: WeightFormat, outputs: int, in_features: int, seed: int = 0) -> Weight:
    """A random weight."""
    torch.manual_seed(seed)
    grid, shape = format.grid, (outputs, in_features)
    assert not format.is_float
    codes = _codes(grid, shape)  # type: ignore[arg-type]
    table = scale_shape(format.grouping, outputs, in_features)
    type = {FloatType.F32: torch.float32, FloatType.F16: torch.float16}[format.scale]
    scale = (torch.rand(table) * 0.1 + 0.01).to(type).float()
    zero, codebook = None, None
    if isinstance(format.zero, IntegerZero):
        zero = _codes(grid, table)  # type: ignore[arg-type]
    if isinstance(format.zero, FloatZero):
        zero = torch.randn(table)
    if isinstance(grid, CodebookGrid) and not grid.values:
        codebook = torch.randn(1 << grid.bits).sort().values
    mask = _mask(format.pattern, shape) if isinstance(format.pattern, NM) else None
    if mask is not None:
        codes = torch.where(mask, codes, 0.0)
    made = canonical.encode(Quantized(codes, scale, zero, codebook), mask, format)
    return Weight(format, made, repack(made), reference.repack(made))


NF4 = CodebookGrid(4, NORMAL_FLOATS)
F16 = FloatType.F16
FORMATS = {
    **{f"int{b}": WeightFormat("w", IntegerGrid(b)) for b in (2, 3, 4, 5, 8)},
    **{f"int{b}-g32": WeightFormat("w", IntegerGrid(b), PerGroup(32), F16) for b in (3, 4)},
    **{f"int{b}-g128": WeightFormat("w", IntegerGrid(b), PerGroup(128)) for b in (2, 4, 8)},
    "int4-g20": WeightFormat("w", IntegerGrid(4), PerGroup(20)),
    "int4-g160": WeightFormat("w", IntegerGrid(4), PerGroup(160)),
    "int4-tensor": WeightFormat("w", IntegerGrid(4), PerTensor()),
    "int4-half": WeightFormat("w", IntegerGrid(4, levels=Levels.HALF), PerGroup(64)),
    "int4-zero": WeightFormat("w", IntegerGrid(4), PerGroup(64), zero=IntegerZero()),
    "int3-zero": WeightFormat("w", IntegerGrid(3), zero=IntegerZero()),
    "uint8-zero": WeightFormat("w", IntegerGrid(8, False), PerGroup(32), zero=IntegerZero()),
    "uint2-float": WeightFormat("w", IntegerGrid(2, False), PerGroup(32), zero=FloatZero()),
    "int4-float": WeightFormat("w", IntegerGrid(4), zero=FloatZero()),
    "ternary": WeightFormat("w", TernaryGrid(), PerGroup(64)),
    "ternary-base3": WeightFormat("w", TernaryGrid(pack="base3")),
    "binary": WeightFormat("w", BinaryGrid(), PerGroup(64)),
    "nf4": WeightFormat("w", NF4, PerGroup(64)),
    "kmeans3": WeightFormat("w", CodebookGrid(3)),
    "int4-2of4": WeightFormat("w", IntegerGrid(4), PerGroup(64), pattern=NM(2, 4)),
    "int4-2of4-zero": WeightFormat(
        "w", IntegerGrid(4), PerGroup(32), zero=IntegerZero(), pattern=NM(2, 4)
    ),
    "int2-1of4-sets": WeightFormat("w", IntegerGrid(2), pattern=NM(1, 4, Index.COMBINATION)),
    "binary-2of4": WeightFormat("w", BinaryGrid(), pattern=NM(2, 4)),
    "nf4-2of4": WeightFormat("w", NF4, pattern=NM(2, 4)),
    "kmeans4-2of4": WeightFormat("w", CodebookGrid(4), pattern=NM(2, 4)),
}


@pytest.fixture(params=FORMATS)
def format(request: pytest.FixtureRequest) -> WeightFormat:
    return FORMATS[request.param]


@pytest.fixture
def formats() -> dict[str, WeightFormat]:
    return FORMATS


@pytest.fixture
def make_weight() -> Callable[..., Weight]:
    return build


class _Every(dict[Any, Tiles]):
    """Says the same of every task."""

    def __init__(self, tiles: Tiles) -> None:
        self.tiles = tiles

    def get(self, task: Any, other: Any = None) -> Any:
        return self.tiles


@pytest.fixture
def divided() -> Callable[[Tiles], AbstractContextManager[object]]:
    """While it lasts, every product is divided so."""
    return lambda tiles: trial(_Every(tiles))
