"""Chooses how a product is divided: tiles, parts along K, and how much is loaded ahead."""

from dataclasses import dataclass, replace
from enum import StrEnum

from qdsl_gpu.layout import Layout

_PROGRAMS = 256  # about two for each multiprocessor of a large device
_STEPS = 4  # that a part along K has at least


class Way(StrEnum):
    """How a weight is multiplied."""

    WORDS = "words"  # decoded by the kernel that multiplies, for every tile of tokens
    DENSE = "dense"  # unpacked before, our kernel multiplies
    TORCH = "torch"  # unpacked before, torch multiplies: tiles are of no matter


@dataclass(frozen=True, slots=True)
class Tiles:
    """A program computes `rows` outputs of `tokens` tokens; K is cut into `splits` parts.

    It has `warps` warps and loads `stages` steps ahead.
    """

    tokens: int
    rows: int
    splits: int = 1
    warps: int = 4
    stages: int = 4
    way: Way = Way.WORDS


def choose(layout: Layout, tokens: int, *, stacked: bool = False, has_table: bool = False) -> Tiles:
    """Where nothing was measured: the smallest tile that holds the tokens.

    `stacked`: at most four tokens, whose planes are rows of one product.
    """
    widths = (16, 32) if layout.step == 512 else (16, 32, 64)
    width = 4 if stacked else next((t for t in widths if tokens <= t), widths[-1])
    rows = 128 if layout.rows % 128 == 0 and not has_table else 64
    # a step of 512 columns is large, and tables would be read ahead through shared memory
    stages = 1 if has_table else 2 if layout.step == 512 else 3 if width == 64 else 4
    return Tiles(width, rows, stages=stages)


def split(tiles: Tiles, layout: Layout, tokens: int) -> Tiles:
    """The same in as many parts along K as fill a device, each of some steps."""
    programs = layout.rows // tiles.rows * -(-tokens // tiles.tokens)
    splits = 1
    while programs * splits * 2 <= _PROGRAMS and layout.steps >= splits * 2 * _STEPS:
        splits *= 2
    return replace(tiles, splits=splits)
