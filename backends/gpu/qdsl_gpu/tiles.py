"""Chooses how a product is divided: tiles, and parts along K."""

from dataclasses import dataclass

from qdsl_gpu.layout import Layout

_PROGRAMS = 256  # about two for each multiprocessor of a large device


@dataclass(frozen=True, slots=True)
class Tiles:
    """A program computes `rows` outputs of `tokens` tokens; K is cut into `splits` parts."""

    tokens: int
    rows: int
    splits: int = 1
    warps: int = 4
    stages: int = 4


def choose(layout: Layout, tokens: int, stacked: bool, may_split: bool) -> Tiles:
    """Where nothing was measured: enough programs to fill a device, none with little to do.

    `stacked`: at most four tokens, whose planes are rows of one product.
    """
    width = 4 if stacked else next((t for t in (16, 32, 64) if tokens <= t), 64)
    rows = 128 if layout.rows % 128 == 0 else 64
    programs = layout.rows // rows * -(-tokens // width)
    splits = 1
    while may_split and programs * splits * 2 <= _PROGRAMS and layout.steps >= splits * 8:
        splits *= 2
    return Tiles(width, rows, splits, stages=4 if width < 64 else 3)
