"""Walks operands with strides over one shape, with as few axes as they allow."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_MOST = 3  # axes of a kernel
_INT32 = (1 << 31) - (1 << 16)


@dataclass(frozen=True, slots=True)
class Walk:
    """Operands over axes of these sizes, three of them, the last innermost; a stride for each.

    `axes` counts those that are needed, 1 or 3.
    """

    operands: tuple[Tensor, ...]
    axes: int
    sizes: tuple[int, ...]
    strides: tuple[tuple[int, ...], ...]


def walk(shape: Sequence[int], operands: Sequence[Tensor]) -> Walk:
    """Over a shape that operands broadcast to; copies them where there are too many axes."""
    if all(x.shape == shape and x.is_contiguous() for x in operands):
        return _walk(operands, (torch.Size(shape).numel(),), ((1,),) * len(operands))
    given = tuple(x.expand(shape) for x in operands)
    sizes, strides = _joined(shape, [x.stride() for x in given])
    if len(sizes) > _MOST or (len(sizes) > 1 and torch.Size(shape).numel() > _INT32):
        return walk(shape, [x.contiguous() for x in given])
    return _walk(operands, sizes, strides)


def _walk(
    operands: Sequence[Tensor], sizes: Sequence[int], strides: Sequence[Sequence[int]]
) -> Walk:
    spare = _MOST - len(sizes)
    return Walk(
        tuple(operands),
        1 if len(sizes) == 1 else _MOST,
        (*(1,) * spare, *sizes),
        tuple((*(0,) * spare, *s) for s in strides),
    )


def _joined(
    shape: Sequence[int], strides: Sequence[Sequence[int]]
) -> tuple[list[int], list[list[int]]]:
    """Without axes of 1, and neighbours as one where all operands go on from one to the other."""
    sizes: list[int] = []
    found: list[list[int]] = [[] for _ in strides]
    for axis, size in enumerate(shape):
        own = [s[axis] for s in strides]
        if size == 1:
            continue
        if sizes and all(f[-1] == s * size for f, s in zip(found, own, strict=True)):
            sizes[-1] *= size
            for f, s in zip(found, own, strict=True):
                f[-1] = s
            continue
        sizes.append(size)
        for f, s in zip(found, own, strict=True):
            f.append(s)
    return (sizes, found) if sizes else ([1], [[0] for _ in strides])
