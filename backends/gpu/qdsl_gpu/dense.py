"""Chooses the way in which many rows are multiplied, and tiles of the kernels that serve them.

Unpacking a weight writes and reads some bytes for each code, once; decoding it costs some
instructions for each code and tile of tokens. Where nothing was measured a rule says when the first
is less. Its numbers are guesses that rest on counted bytes and instructions.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from qdsl_gpu.layout import PLANE
from qdsl_gpu.tiles import Tiles, Way

if TYPE_CHECKING:
    from qdsl_gpu.task import Task

FLOAT, INT8 = "linear_float", "linear_int8"
KERNELS: Final[Mapping[str, str]] = {FLOAT: "dense_float", INT8: "dense_int8"}
"""The kernel that takes unpacked codes, by the one that decodes them."""

_TRIED = 64
"""Tokens, above which other ways than decoding are tried."""
_FEWEST: Final[Mapping[str, int]] = {FLOAT: 512, INT8: 1024}
"""Tokens from which on unpacking is thought to be less."""
_LEAST = 17  # rows that torch multiplies with int8
BY_TORCH: Final = Tiles(128, 64, way=Way.TORCH)
BY_SPARSE: Final = Tiles(128, 64, way=Way.SPARSE)
_PROGRAMS = 128  # about one for each multiprocessor of a large device

Shape = tuple[int, int, int, int]  # tokens, rows, warps, stages
_ONE_SUM: Final[tuple[Shape, ...]] = (
    *((256, 128, 8, 3), (256, 128, 8, 4), (128, 256, 8, 3), (128, 128, 4, 3)),
)
"""Where there are no groups: one tile of sums in registers, not two."""
_SHAPES: Final[tuple[Shape, ...]] = (
    *((128, 128, 8, stages) for stages in (2, 3)),
    *((128, 64, 8, stages) for stages in (2, 3)),
    *((128, 64, 4, 3), (64, 128, 4, 3), (64, 64, 4, 2)),
)


def is_read_packed(task: "Task") -> bool:
    """Whether codes need no unpacking: of 8 bits they are bytes."""
    return task.kernel == INT8 and task.layout.bits == 8


def torch_takes(task: "Task") -> bool:
    """Whether all that follows a product of codes can follow the sum of a whole row."""
    return task.layout.span == 0 and task.zero != 2 and not task.has_table


def usual(task: "Task", tokens: int) -> Tiles | None:
    """By rule, where nothing was measured; None: decoding is thought to be less."""
    if task.kernel not in KERNELS:
        return None
    if tokens <= _TRIED if is_read_packed(task) else tokens < _FEWEST[task.kernel]:
        return None
    if task.kernel == FLOAT and task.planes == 1 and torch_takes(task):
        return BY_TORCH
    return _tiles(task, tokens)


def _tiles(task: "Task", tokens: int) -> Tiles:
    """A smaller tile where there are few, or where a kernel holds more than sums."""
    rows, many = task.layout.rows, task.planes > 1
    if task.has_table and many:
        return Tiles(64, 64, 1, 8, 2, Way.DENSE)
    is_int8 = task.kernel == INT8
    has_zeros = is_int8 and (task.zero == 2 or (task.zero == 1 and task.layout.bits == 8))
    is_small = rows % 128 != 0 or rows // 128 * -(-tokens // 128) < _PROGRAMS
    height = 64 if is_small or has_zeros or task.has_table or many else 128
    # steps of floats in groups are large: three do not fit an A100
    stages = 3 if is_int8 or not (task.layout.span or many or task.has_table) else 2
    return Tiles(128, height, 1, 8, stages, Way.DENSE)


def candidates(task: "Task", tokens: int) -> Iterator[Tiles]:
    """Tiles to try beside those of a kernel that decodes; none for few tokens."""
    if task.kernel not in KERNELS or tokens <= _TRIED:
        return
    yield from (BY_TORCH, BY_SPARSE)
    for width, rows, warps, stages in (*(() if task.layout.span else _ONE_SUM), *_SHAPES):
        yield Tiles(width, rows, 1, warps, stages, Way.DENSE)


def takes(task: "Task", tiles: Tiles, tokens: int) -> bool:
    """Whether a way that unpacks serves a weight."""
    if task.kernel not in KERNELS or tiles.splits != 1:
        return False
    if tiles.way is Way.DENSE:
        return task.layout.rows % tiles.rows == 0
    is_sparse = task.kernel == INT8 and task.layout.sparse
    return torch_takes(task) and tokens >= _LEAST and (is_sparse or tiles.way is Way.TORCH)


def depth(task: "Task") -> int:
    """Columns that the dense kernel multiplies in a step, which divide a group."""
    span = task.layout.span
    if task.kernel == INT8 and span == PLANE:
        return 2 * PLANE  # two groups, whose columns alternate
    if task.has_table and task.planes > 1:
        return PLANE  # six tiles are loaded for each step
    is_wide = task.kernel == INT8 or (span and task.planes == 1 and not task.has_table)
    whole = span or task.layout.columns
    return min(128 if is_wide else 64, whole & -whole)
