"""Chooses how a product is divided: tiles, parts along K, and how much is loaded ahead."""

from dataclasses import dataclass, replace
from enum import StrEnum

from qdsl_gpu.layout import PLANE, Layout

NARROW = 8  # tokens of the smallest tile
_PROGRAMS = 256  # about two for each multiprocessor of a large device; of narrow tiles twice that
_STEPS = 4  # that a part along K has at least; of 512 columns, half as many


class Way(StrEnum):
    """How a weight is multiplied."""

    WORDS = "words"  # decoded by the kernel that multiplies, for every tile of tokens
    DENSE = "dense"  # unpacked before, our kernel multiplies
    TORCH = "torch"  # unpacked before, torch multiplies: tiles are of no matter
    SPARSE = "sparse"  # kept once more for torch, which multiplies what 2:4 has kept only


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

    `stacked`: at most four tokens, each with four rows of a product: three planes, and nothing.
    """
    # of groups of 32 two have sums at a time, and scales of many are held
    most = 64 >> (layout.step == 512) >> (layout.span == PLANE)
    widths = tuple(width for width in (NARROW, 16, 32, 64) if width <= most)
    rows = tokens * (4 if stacked else 1)
    width = next((t for t in widths if rows <= t), widths[-1])
    # registers for 3 bits and 2:4 are few; a step of 512 columns is large; tables would be read
    # ahead through shared memory
    fits = width == NARROW if layout.bits == 3 else width <= 16 or not layout.sparse
    wide = layout.rows % 128 == 0 and not has_table and fits
    rows = 128 if wide else 64
    stages = 1 if has_table else 2 if layout.step == 512 else 3 if width == 64 else 4
    # sums of 128 rows and 64 tokens take more registers than four warps have
    warps = 8 if rows == 128 and width == 64 >> (layout.span == PLANE) else 4
    return Tiles(width // 4 if stacked else width, rows, warps=warps, stages=stages)


def split(tiles: Tiles, layout: Layout, tokens: int) -> Tiles:
    """The same in as many parts along K as fill a device, each of some steps."""
    programs = layout.rows // tiles.rows * -(-tokens // tiles.tokens)
    most = _PROGRAMS * (2 if tiles.tokens <= NARROW else 1)
    least = _STEPS // 2 if layout.step == 512 else _STEPS
    splits = 1
    while programs * splits * 2 <= most and layout.steps >= splits * 2 * least:
        splits *= 2
    return replace(tiles, splits=splits)
