"""Defines a row of the table of functions, and what is shown of it."""

from collections.abc import Callable
from inspect import Parameter, signature

from qdsl.record import record


@record
class TensorFunction:
    """`apply(builder, …)`: annotations say which arguments are tensors and which are static.

    `dtype` and `shape` are the rules in words: what dtypes it takes (→ what it gives), and the
    shape of the result; `..` are axes that stay.
    """

    apply: Callable[..., object]
    dtype: str
    shape: str

    @property
    def name(self) -> str:
        """Its name in a spec; Python's own names have a `_` behind them."""
        return self.apply.__name__.rstrip("_")

    @property
    def doc(self) -> str:
        return (self.apply.__doc__ or "").strip()

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What a spec gives it: all but the builder."""
        return tuple(signature(self.apply).parameters.values())[1:]


@record
class Entry:
    """What is known of a function of tensors, in words: a row of `qdsl list functions`."""

    name: str
    signature: str
    dtype: str
    shape: str
    doc: str


def entry(function: TensorFunction) -> Entry:
    """The row of a function of the table."""
    shown = ", ".join(parameter_text(p) for p in function.parameters)
    call = f"{function.name}({shown})"
    return Entry(function.name, call, function.dtype, function.shape, function.doc)


def parameter_text(parameter: Parameter) -> str:
    """`axis = -1`, as a spec would say it; `tensors, …` for any number."""
    if parameter.kind is Parameter.VAR_POSITIONAL:
        return f"{parameter.name}, …"
    if parameter.default is Parameter.empty:
        return parameter.name
    return f"{parameter.name} = {str(parameter.default).lower()}"
