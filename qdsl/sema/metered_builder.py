"""Builds bodies as the Builder does, and counts the work and the size of what it builds."""

from collections.abc import Mapping, Sequence
from math import prod

from qdsl.ir.builder import Builder, Value
from qdsl.ir.infer_shape import ShapeError
from qdsl.ir.op import Op, Reshape
from qdsl.ir.shape import Dim
from qdsl.sema.context import Context
from qdsl.sema.limits import MAX_DIM, MAX_RANK, OPERATION, dim_is_too_large


class MeteredBuilder(Builder):
    """Raises Stop (reported) where the work is too much, ShapeError where a shape is."""

    def __init__(
        self, function: str, parameters: Mapping[str, tuple[int, ...]], context: Context
    ) -> None:
        super().__init__(function, parameters)
        self._context = context

    def emit_many(
        self, op: Op, *inputs: Value, parameters: Sequence[str] = ()
    ) -> tuple[Value, ...]:
        self._context.tick(self.span, OPERATION)
        _check_product(op, inputs)
        results = super().emit_many(op, *inputs, parameters=parameters)
        for result in results:
            if len(result.type.shape) > MAX_RANK:
                raise ShapeError(f"gives a tensor of more than {MAX_RANK} axes")
            for d in result.type.shape:
                if dim_is_too_large(d):
                    raise ShapeError("gives a dim with too long a formula")
                if (size := d.constant) is not None and size < 0:
                    raise ShapeError(f"gives an axis of {size}")
        return results


def _check_product(operation: Op, inputs: Sequence[Value]) -> None:
    """The number of elements, which `reshape` compares, is a product of all dims."""
    if isinstance(operation, Reshape):
        for shape in (operation.shape, inputs[0].type.shape):
            if len(shape) > MAX_RANK or prod(map(_terms, shape)) > MAX_DIM:
                raise ShapeError("takes too long a formula for the number of elements")


def _terms(d: Dim) -> int:
    return max(1, len(d.terms))
