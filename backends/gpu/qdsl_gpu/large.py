"""Products of many rows: codes are unpacked once, then a dense kernel or torch multiplies.

Codes are exact in 16 bits, or in int8, and scales come after the sums: nothing is lost that
kernels which decode would keep.
"""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from qdsl_gpu import semi_structured
from qdsl_gpu.dense import depth, is_read_packed
from qdsl_gpu.end import End
from qdsl_gpu.exact import product
from qdsl_gpu.kernels.dense_float import BAND
from qdsl_gpu.kernels.dense_float import KERNEL as DENSE_FLOAT
from qdsl_gpu.kernels.dense_int8 import KERNEL as DENSE_INT8
from qdsl_gpu.kernels.end_float import KERNEL as END_FLOAT
from qdsl_gpu.kernels.end_int8 import KERNEL as END_INT8
from qdsl_gpu.layout import Layout
from qdsl_gpu.rows import Rounded, Rows
from qdsl_gpu.task import Task
from qdsl_gpu.tiles import Tiles, Way
from qdsl_gpu.unpacked import Slab, byte_slabs, float_slabs, packed
from qdsl_gpu.weights import Packed

_BLOCK = 256
_WIDE = Tiles(64, 64, 1, 4, 2, Way.DENSE)
"""For sums of 64 bits: they take twice the registers, and torch makes none."""
_MOST_STAGES = 2 if torch.version.hip else 4


def linear_float(rows: Rows, weight: Packed, task: Task, y: Tensor, end: End, tiles: Tiles) -> None:
    """Writes y [M, N]."""
    # a single bit is a sign
    factor = 1.0 if weight.layout.bits == 1 else weight.factor * weight.multiple
    if tiles.way is Way.TORCH:
        _float_by_torch(rows, weight, y, end, factor)
        return
    layout, tokens = weight.layout, y.shape[0]
    totals = _totals(rows, tokens, layout) if weight.has_float_zero else weight.scales
    for slab in float_slabs(weight, rows.values.dtype):
        DENSE_FLOAT[slab.count // tiles.rows, -(-tokens // tiles.tokens)](
            rows.values, slab.codes, weight.scales, weight.zeros_or(weight.scales), totals, y,
            *end.tensors(y), tokens, layout.outputs, slab.first, layout.rows, layout.columns,
            layout.slots, rows.plane_stride, rows.row_stride, slab.count * layout.columns,
            SPAN=layout.span, FACTOR=factor, ZERO=weight.zero_word, PLANES=rows.planes,
            PARTS=weight.parts, TOKENS=tiles.tokens, BN=tiles.rows,
            BK=depth(task), BAND=BAND, **end.flags,
            num_warps=tiles.warps, num_stages=min(tiles.stages, _MOST_STAGES),
            enable_fp_fusion=False,
        )  # fmt: skip


def _totals(rows: Rows, tokens: int, layout: Layout) -> Tensor:
    """Sums of x f32 [M, groups]."""
    x = rows.values.view(rows.planes, tokens, layout.slots, -1)
    return x.sum((0, -1), dtype=torch.float32)


def _float_by_torch(rows: Rows, weight: Packed, y: Tensor, end: End, factor: float) -> None:
    tokens, outputs = y.shape
    values = rows.values.view(-1, rows.values.shape[-1])
    for slab in float_slabs(weight, values.dtype):
        parts = product(values, slab.codes)
        END_FLOAT[tokens, _blocks(slab, outputs)](
            parts, weight.scales, y, *end.tensors(y), tokens, outputs, rows.planes, slab.count,
            slab.first, FACTOR=factor, BN=_BLOCK, **end.flags, enable_fp_fusion=False,
        )  # fmt: skip


def linear_int8(
    rows: Rounded, weight: Packed, task: Task, sums: Tensor, y: Tensor, end: End, tiles: Tiles
) -> None:
    """Writes y [M, N]; the same numbers as for few rows. `sums` are `code_sums`, if needed."""
    layout, tokens, is_wide = weight.layout, y.shape[0], weight.is_wide(rows.largest)
    tiles = _WIDE if is_wide else tiles
    given = (rows.scales, rows.sums, rows.offset_or_sums)
    tables = (sums, weight.scales, weight.zeros_or(weight.scales), y, *end.tensors(y))
    # sums of codes are of those that are not centred
    is_centred = layout.bits < 8 and rows.offset is None
    common = _meaning(weight, is_centred) | {"OFFSET": rows.offset is not None} | end.flags
    common |= {"enable_fp_fusion": False}
    if tiles.way is not Way.DENSE:
        may_be_sparse = tiles.way is Way.SPARSE and is_centred
        for slab in _sums_by_torch(rows.codes[0], weight, is_centred, may_be_sparse):
            END_INT8[tokens, _blocks(slab, layout.outputs)](
                slab.codes, *given, *tables,
                tokens, layout.outputs, layout.rows, slab.count, slab.first, BN=_BLOCK, **common,
            )  # fmt: skip
        return
    as_it_is = is_read_packed(task)
    for slab in packed(weight) if as_it_is else byte_slabs(weight, is_centred=is_centred):
        DENSE_INT8[slab.count // tiles.rows, -(-tokens // tiles.tokens)](
            rows.codes, *given, slab.codes, *tables,
            tokens, layout.outputs, slab.first, layout.rows, rows.sums.shape[1], layout.columns,
            SPAN=layout.span, WIDE=is_wide, TOKENS=tiles.tokens, BN=tiles.rows, BK=depth(task),
            BAND=BAND, num_warps=tiles.warps, num_stages=min(tiles.stages, _MOST_STAGES), **common,
        )  # fmt: skip


def _sums_by_torch(
    x: Tensor, weight: Packed, is_centred: bool, may_be_sparse: bool
) -> Iterator[Slab]:
    """Sums i32 [M, count] in the place of the codes of slabs."""
    if may_be_sparse and semi_structured.is_available():
        yield Slab(0, weight.layout.rows, semi_structured.sums(x, weight))
        return
    for slab in byte_slabs(weight, is_tiled=False, is_centred=is_centred):
        yield replace(slab, codes=torch._int_mm(x, slab.codes.t()))


def _meaning(weight: Packed, is_centred: bool) -> dict[str, object]:
    """What codes of int8 stand for."""
    if is_centred:
        zero = weight.zero_word if weight.has_float_zero else 0
        return {"BITS": 0, "MULTIPLE": 1, "CENTRE": 0, "FACTOR": weight.factor, "ZERO": zero}
    return {
        "BITS": weight.layout.bits, "MULTIPLE": weight.multiple, "CENTRE": weight.centre,
        "FACTOR": weight.factor, "ZERO": weight.zero_word,
    }  # fmt: skip


def _blocks(slab: Slab, outputs: int) -> int:
    """Programs that write the outputs of a slab."""
    return -(-min(slab.count, outputs - slab.first) // _BLOCK)
