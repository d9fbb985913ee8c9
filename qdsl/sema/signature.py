"""Matches values against the types of a signature, and binds its dims by name."""

from collections.abc import Callable
from typing import TypeGuard

from qdsl.ir.builder import Value
from qdsl.ir.model import TensorType
from qdsl.ir.shape import Dim, dim
from qdsl.record import record
from qdsl.sema.context import Context, Stop
from qdsl.sema.describe import describe
from qdsl.sema.language import DTYPES
from qdsl.sema.limits import MAX_RANK
from qdsl.sema.values import Val
from qdsl.syntax import tree

Evaluate = Callable[[tree.Expr], Val]
Fail = Callable[[str], Stop]


@record
class Signature:
    """Checks types of one function; `dims` are the names bound so far, grown in place."""

    context: Context
    dims: dict[str, Dim]
    evaluate: Evaluate  # a dim's expression, its names bound

    def match(self, type: tree.Type, value: Val, fail: Fail) -> None:
        """Binds new dim names of `type` to those of the value; raises `fail(why)`."""
        match type:
            case tree.TensorType():
                if not isinstance(value, Value):
                    raise fail(f"expected `{type.span.text}`, found {describe(value)}")
                if why := self.mismatch(type, value.type):
                    raise fail(why)
            case tree.ArrayType(element=element, count=count):
                if not isinstance(value, tuple):
                    raise fail(f"expected `{type.span.text}`, found {describe(value)}")
                n = self.evaluate(count)
                if n != len(value):
                    raise fail(f"expected {n} elements, found {len(value)}")
                for v in value:
                    self.match(element, v, fail)

    def mismatch(self, type: tree.TensorType, actual: TensorType) -> str | None:
        """Why the tensor is not of that type, None when it is."""
        _check_dtype(type)
        if type.dtype.text != actual.dtype or len(type.dims) != len(actual.shape):
            return _different(type, actual)
        for expression, size in zip(type.dims, actual.shape, strict=True):
            expected = self.bind(expression, size)
            if expected != size:
                text, different = expression.span.text, _different(type, actual)
                if text == str(expected):
                    return f"{different}: {expected} is not {size}"
                return f"{different}: `{text}` is {expected}, not {size}"
        return None

    def bind(self, expression: tree.Expr, size: Dim) -> Dim:
        """The dim an expression stands for; a new capital name stands for `size` from now on."""
        if is_dim_name(expression) and expression.text not in self.dims:
            self.dims[expression.text] = size
            return size
        return self.dim(expression)

    def dim(self, expression: tree.Expr) -> Dim:
        value = self.evaluate(expression)
        if isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool)):
            return dim(value)
        message = f"expected a dim, found {describe(value)}"
        raise self.context.stop("Q201", message, expression.span)

    def declared(self, type: tree.TensorType) -> TensorType:
        """The type with every dim name bound, new ones to themselves (inputs of an entry)."""
        _check_dtype(type)
        if len(type.dims) > MAX_RANK:
            message = f"tensor of more than {MAX_RANK} axes"
            raise self.context.stop("Q208", message, type.span)
        shape = [self.bind(d, dim(d.text)) if is_dim_name(d) else self.dim(d) for d in type.dims]
        return TensorType(type.dtype.text, tuple(shape))


def _different(type: tree.TensorType, actual: TensorType) -> str:
    return f"expected `{type.span.text}`, found `{actual}`"


def is_dim_name(e: tree.Expr) -> TypeGuard[tree.Name]:
    """Whether the expression is a name of a dim: it starts with a capital."""
    return isinstance(e, tree.Name) and e.text[:1].isupper()


def dim_names(types: tuple[tree.Type, ...]) -> frozenset[str]:
    """Names of dims that stand alone in the types."""
    found: set[str] = set()
    for type in types:
        match type:
            case tree.TensorType(dims=dims):
                found |= {d.text for d in dims if is_dim_name(d)}
            case tree.ArrayType(element=element):
                found |= dim_names((element,))
    return frozenset(found)


def _check_dtype(type: tree.TensorType) -> None:
    if type.dtype.text not in DTYPES:
        raise Stop  # reported by a check
