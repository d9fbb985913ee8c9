"""Gives the shapes that operations on shapes make; raises ShapeError where they do not fit."""

from collections.abc import Sequence
from typing import assert_never

from qdsl.ir.op import At, Cut, Keep, NewAxis, Subscript
from qdsl.ir.shape import ONE, Dim, Shape, dim, product, shape_text


class ShapeError(Exception):
    """Inputs that an operation does not take; the message is one terse phrase."""


def broadcast(a: Shape, b: Shape) -> Shape:
    """NumPy's rule: from the last axis, equal or 1."""
    longer, shorter = (a, b) if len(a) >= len(b) else (b, a)
    padded_shape = (ONE,) * (len(longer) - len(shorter)) + shorter
    return tuple(_broadcast_dim(m, n, a, b) for m, n in zip(longer, padded_shape, strict=True))


def _broadcast_dim(m: Dim, n: Dim, a: Shape, b: Shape) -> Dim:
    if m == n or n == ONE:
        return m
    if m == ONE:
        return n
    raise ShapeError(f"shapes {shape_text(a)} and {shape_text(b)} differ: {m} is not {n}")


def indexed(shape: Shape, subscripts: Sequence[Subscript]) -> Shape:
    result: list[Dim] = []
    axes = iter(shape)
    for subscript in subscripts:
        match subscript:
            case NewAxis():
                result.append(ONE)
            case Keep():
                result.append(next(axes))
            case At(index):
                _position(index, next(axes))
            case Cut(start, stop):
                result.append(_cut(start, stop, next(axes)))
            case _:
                assert_never(subscript)
    return (*result, *axes)


def _position(index: Dim, size: Dim) -> None:
    i, n = index.constant, size.constant
    if i is not None and n is not None and not -n <= i < n:
        raise ShapeError(f"position {i} is outside an axis of {n}")


def _cut(start: Dim | None, stop: Dim | None, size: Dim) -> Dim:
    """Length of `start..stop`; constants below 0 count from the end."""
    first = _from_end(start, size) if start is not None else dim(0)
    last = _from_end(stop, size) if stop is not None else size
    length = last - first
    bounds = (first.constant, last.constant, size.constant)
    if length.constant is not None and length.constant < 0:
        raise ShapeError(f"`{first}..{last}` ends before it starts")
    if None not in bounds and bounds[1] > bounds[2]:  # type: ignore[operator]
        raise ShapeError(f"`{first}..{last}` is outside an axis of {size}")
    return length


def _from_end(d: Dim, size: Dim) -> Dim:
    return size + d if d.constant is not None and d.constant < 0 else d


def cat(shapes: Sequence[Shape], axis: int) -> Shape:
    first = shapes[0]
    for other in shapes[1:]:
        if len(other) != len(first) or _without(other, axis) != _without(first, axis):
            raise ShapeError(
                f"shapes {shape_text(first)} and {shape_text(other)} differ beside axis {axis}"
            )
    total = first[axis]
    for other in shapes[1:]:
        total = total + other[axis]
    return (*first[:axis], total, *first[axis + 1 :])


def stacked(shapes: Sequence[Shape], axis: int) -> Shape:
    for other in shapes[1:]:
        if other != shapes[0]:
            raise ShapeError(f"shapes {shape_text(shapes[0])} and {shape_text(other)} differ")
    return (*shapes[0][:axis], dim(len(shapes)), *shapes[0][axis:])


def reshaped(old: Shape, new: Shape) -> Shape:
    if product(old) != product(new):
        raise ShapeError(
            f"{shape_text(old)} has {product(old)} elements, {shape_text(new)} has {product(new)}"
        )
    return new


def padded(shape: Shape, axis: int, before: Dim, after: Dim) -> Shape:
    return (*shape[:axis], shape[axis] + before + after, *shape[axis + 1 :])


def reduced(shape: Shape, axis: int, keep: bool) -> Shape:
    return (*shape[:axis], *((ONE,) if keep else ()), *shape[axis + 1 :])


def windowed(shape: Shape, axis: int, size: int, stride: int) -> Shape:
    count = (shape[axis] - size) // stride + 1
    return (*shape[:axis], count, dim(size), *shape[axis + 1 :])


def pooled(shape: Shape, axis: int, size: int, stride: int) -> Shape:
    return (*shape[:axis], (shape[axis] - size) // stride + 1, *shape[axis + 1 :])


def _without(shape: Shape, axis: int) -> Shape:
    return (*shape[:axis], *shape[axis + 1 :])
