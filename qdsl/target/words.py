"""Words of capabilities: operations, grids of weights, and what activations are rounded to."""

from collections.abc import Mapping
from typing import assert_never

from qdsl.ir.format import (
    ActivationFormat,
    Activations,
    BinaryGrid,
    CodebookGrid,
    FloatFormat,
    FloatGrid,
    IntegerGrid,
    Levels,
    PerToken,
    StaticFormat,
    TernaryGrid,
    WeightFormat,
)

INTEGER = "integer"
"""The operations on integers that take no weight; those that take one are `integer_linear` ..."""
CODES = "int16"
"""The word of what operations on integers are given."""
FLOATS = ("f32", "bf16")
"""The words of activations whose products are sums of floats."""
DYNAMIC = ("int8_token", "int8_tensor")
"""The words of activations that are rounded by a scale of their own."""
FUSED = "linear_fused"
"""The operation of capabilities whose back end's `qdsl::linear` takes `relu` and `residual`."""

REFERENCE = "reference"
"""The back end that every format runs on, exactly and slowly: a target has to ask for it."""


def grid_word(format: WeightFormat) -> str:
    """The word of a capability for the format's grid."""
    grid = format.grid
    match grid:
        case IntegerGrid():
            return "integer"
        case TernaryGrid():
            return "ternary"
        case BinaryGrid():
            return "binary"
        case CodebookGrid():
            return "codebook"
        case FloatGrid():
            return "float"
        case _:
            assert_never(grid)


def activation_word(format: Activations | None) -> str:
    """`f32`, `bf16`, `int8_token`, `int8_tensor`, or of a static range `uint8_static`.

    Signed static codes that begin at -2^(b-1) are `int8_static_full`.
    """
    match format:
        case None:
            return "f32"
        case ActivationFormat(PerToken()):
            return "int8_token"
        case ActivationFormat():
            return "int8_tensor"
        case FloatFormat(type):
            return type.value
        case StaticFormat(grid):
            full = "_full" if grid.signed and grid.levels is Levels.FULL else ""
            return f"{format.family}_static{full}"
        case _:
            assert_never(format)


def _static_ranges() -> dict[str, tuple[int, int]]:
    levels = ((True, Levels.NARROW), (True, Levels.FULL), (False, Levels.FULL))
    grids = [IntegerGrid(bits, *each) for bits in range(2, 9) for each in levels]
    return {activation_word(StaticFormat(grid)): (grid.qmin, grid.qmax) for grid in grids}


STATIC: Mapping[str, tuple[int, int]] = _static_ranges()
"""Lowest and highest code of each word of a static range."""


def input_word(operation: str, activations: Activations | None) -> str:
    """The word of what an operation of `qdsl::` is given."""
    return CODES if operation.startswith(INTEGER) else activation_word(activations)
