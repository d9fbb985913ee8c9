"""Computes with the numbers and dims of a spec, which stay finite and of a sane size."""

import math
from collections.abc import Callable
from operator import add, floordiv, ge, gt, le, lt, mod, mul, sub, truediv
from typing import Any

from qdsl.ir.shape import Dim, dim
from qdsl.sema.context import Context
from qdsl.sema.limits import MAX_DIM, MAX_INTEGER, dim_is_too_large, dim_size
from qdsl.sema.values import Static
from qdsl.source import Span

Number = int | float | Dim

OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": add,
    "-": sub,
    "*": mul,
    "/": truediv,
    "//": floordiv,
    "%": mod,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
}
OF_DIMS = frozenset(("+", "-", "*", "//"))
COMPARISONS = frozenset(("<", "<=", ">", ">="))


def compute(operator: str, left: Number, right: Number, span: Span, context: Context) -> Static:
    """`left operator right`; raises Stop after reporting what has no value."""
    if operator in ("/", "//", "%") and right in (0, 0.0):
        raise context.stop("Q203", "division by zero", span)
    if isinstance(left, Dim) or isinstance(right, Dim):
        return _of_dims(operator, left, right, span, context)
    result: int | float = OPERATIONS[operator](left, right)
    if isinstance(result, float) and not math.isfinite(result):
        raise context.stop("Q203", "number is too large", span)
    if isinstance(result, int) and abs(result) > MAX_INTEGER:
        raise context.stop("Q203", "integer is too large", span, help="the limit is 2^62")
    return result


def are_equal(left: Static, right: Static, span: Span, context: Context) -> bool:
    """Whether two values are one; dims only where that holds or fails for every size."""
    if not isinstance(left, Dim) and not isinstance(right, Dim):
        return left == right
    if not isinstance(left, int | Dim) or not isinstance(right, int | Dim):
        return False
    difference = (dim(left) - right).constant
    if difference is None:
        raise _depends("==", span, context)
    return difference == 0


def simplest(d: Dim) -> int | Dim:
    """The integer where the dim is one."""
    constant = d.constant
    return d if constant is None else constant


def _of_dims(
    operator: str, left: Number, right: Number, span: Span, context: Context
) -> int | bool | Dim:
    if isinstance(left, float) or isinstance(right, float):
        raise context.stop("Q201", "a dim takes integers", span, help="dims are whole numbers")
    a, b = dim(left), dim(right)
    if operator in COMPARISONS:
        difference = (a - b).constant
        if difference is None:
            raise _depends(operator, span, context)
        return bool(OPERATIONS[operator](difference, 0))
    if operator not in OF_DIMS:
        help = "dims take `+`, `-`, `*` and `//`"
        raise context.stop("Q201", f"`{operator}` of a dim", span, help=help)
    small = operator != "*" or dim_size(a) * dim_size(b) <= MAX_DIM**2
    result = OPERATIONS[operator](a, b) if small else None
    if result is None or dim_is_too_large(result):
        raise context.stop("Q203", "dim has too long a formula", span)
    return simplest(result)


def _depends(operator: str, span: Span, context: Context) -> Exception:
    help = "whether it holds depends on the input, and `if` is decided before there is one"
    message = f"`{operator}` of dims is not known at compile time"
    return context.stop("Q201", message, span, help=help)
