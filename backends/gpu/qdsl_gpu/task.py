"""Defines a task: a kernel on a weight, which is divided into tiles, and the ways to divide it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from qdsl_gpu import dense
from qdsl_gpu.layout import Layout
from qdsl_gpu.tiles import NARROW, Tiles, Way, choose, split

BUCKETS: Final = (1, 4, 16, 32, 64, 128, 256, 1024)
"""Numbers of tokens that are tuned; a number is looked up under the next one."""

TABLE: Final = "linear_table"
"""The kernel of codebooks with few tokens, whose tiles are as wide as there are tokens."""

_SHAPES: Final[Mapping[str, tuple[tuple[int, int, int], ...]]] = {
    name: (
        *((64, 2, stages) for stages in (4, 6)),
        *((64, 4, stages) for stages in (2, 4)),
        *((128, 4, stages) for stages in (2, 3, 4)),
        (128, 8, 3),
        (256, 4, 3),
    )
    for name in ("linear_float", "linear_int8")
} | {TABLE: ((64, 2, 1), (64, 4, 1), (64, 8, 1), (128, 4, 1), (128, 8, 1))}
"""Rows, warps and stages of candidates, by kernel."""

_TOKENS: Final = (8, 16, 32, 64, 128)
STACKED: Final = (2, 4)  # tokens of tiles whose planes are rows of one product
_SPLITS: Final = (1, 2, 4, 8, 16)


def bucket(tokens: int) -> int:
    """The first of BUCKETS that holds the tokens; the last for more."""
    return next((b for b in BUCKETS if tokens <= b), BUCKETS[-1])


@dataclass(frozen=True, slots=True)
class Task:
    """A kernel on a weight.

    planes: of rows of floats, which add up; 1 of integers. zero: 0 none, 1 integers, 2 floats.
    """

    kernel: str
    layout: Layout
    planes: int = 1
    zero: int = 0
    has_table: bool = False

    def may_split(self, tokens: int) -> bool:
        """Whether K can be cut into parts, and more is not stored for it than half the weight.

        Groups of integers are added in ascending order: the sums of all are stored and read again.
        """
        if self.kernel in ("linear_float", TABLE) or not self.layout.span:
            return True
        return 4 * tokens * self.layout.slots * self.layout.rows <= self.layout.words

    def is_stacked(self, tokens: int) -> bool:
        """Whether planes are rows of one product: tiles of two or four tokens."""
        return self.planes > 1 and tokens <= 4

    def usual(self, tokens: int) -> Tiles:
        """By rule: where nothing was measured."""
        if unpacked := dense.usual(self, tokens):
            return unpacked
        stacked = self.is_stacked(tokens)
        tiles = choose(self.layout, tokens, stacked=stacked, has_table=self.has_table)
        if self.kernel == TABLE:
            tiles = self._looked_up(tiles, tokens)
        return split(tiles, self.layout, tokens) if self.may_split(tokens) else tiles

    def takes(self, tiles: Tiles, tokens: int) -> bool:
        """Whether tiles, perhaps those of another weight, divide this one."""
        if tiles.way is not Way.WORDS:
            return dense.takes(self, tiles, tokens)
        return (
            self.layout.rows % tiles.rows == 0
            and (tiles.tokens in STACKED) == self.is_stacked(tokens)
            and tiles.splits <= (self.layout.steps if self.may_split(tokens) else 1)
        )

    def _looked_up(self, tiles: Tiles, tokens: int) -> Tiles:
        """As many rows as leave registers beside the sums and the words of two steps."""
        if self.layout.bits == 3:
            return replace(tiles, warps=4 if tokens <= 2 else 8)
        return replace(tiles, rows=128 if self.layout.rows % 128 == 0 and tokens <= 2 else 64)

    # ---- candidates ----------------------------------------------------------------------------

    def shapes(self, tokens: int) -> Iterator[Tiles]:
        """Tiles to try, cut along K as usual; what is usual comes first."""
        usual = self.usual(tokens)
        yield usual
        stacked = self.is_stacked(tokens)
        among = (NARROW,) if self.kernel == TABLE else STACKED if stacked else _TOKENS
        for width in _widths(tokens, among):
            for rows, warps, stages in _SHAPES.get(self.kernel, ()):
                tiles = Tiles(width, rows, usual.splits, warps, stages)
                if tiles != usual and self.takes(tiles, tokens):
                    yield tiles
        for tiles in dense.candidates(self, tokens):
            if tiles != usual and self.takes(tiles, tokens):
                yield tiles

    def splits(self, tiles: Tiles, tokens: int) -> Iterator[Tiles]:
        """The same tiles, cut along K in other ways."""
        for splits in _SPLITS:
            other = replace(tiles, splits=splits)
            if splits != tiles.splits and self.takes(other, tokens):
                yield other


def _widths(tokens: int, among: tuple[int, ...]) -> tuple[int, ...]:
    """The tile that holds the tokens and the one below, or above the smallest."""
    holds = next((i for i, width in enumerate(among) if tokens <= width), len(among) - 1)
    return among[max(0, holds - 1) : max(2, holds + 1)]
